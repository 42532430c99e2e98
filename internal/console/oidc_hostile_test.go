package console_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"keyturn/internal/console"
	"keyturn/internal/secret"
)

func TestAnIssuerThatIsAwayKeepsNoOneOutWhoHasAToken(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	i.away.Store(true)
	const silent = "Example did not answer when it was last asked"
	login := func() string { return r.serve(h, request(t, http.MethodGet, "/login", "", "")).Body.String() }
	if page := login(); strings.Contains(page, silent) {
		t.Errorf("it was not asked yet: %s", page)
	}
	if w := r.serve(h, form(t, "/login/oidc", nil, nil)); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Example does not answer: try again, or log in with a token.") || len(w.Result().Cookies()) > 0 {
		t.Errorf("%d %v %s", w.Code, w.Result().Cookies(), w.Body)
	}
	if page := login(); !strings.Contains(page, silent) || !strings.Contains(r.log.String(), `"msg":"the issuer cannot be asked","issuer":"`+i.Issuer()) {
		t.Errorf("%s\n%s", page, r.log.String())
	}
	loggedIn(t, r, h, "viewer")
	i.away.Store(false)
	cookie, address := r.begin(t, h, "/")
	if page := login(); strings.Contains(page, silent) {
		t.Errorf("it is back: %s", page)
	}
	back := i.meet(t, address, alice("viewers"))
	i.away.Store(true)
	if w := r.serve(h, comesBack(t, back, cookie)); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Example does not answer") {
		t.Errorf("away in the middle of a login: %d %s", w.Code, w.Body)
	}
}

func TestWhatAnIssuerSaysIsBoundedAndNoMarkup(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]url.Values{
		"markup":  {"error": {"access_denied" + evil}, "error_description": {evil}},
		"long":    {"error": {strings.Repeat("e", 8<<10)}, "error_description": {strings.Repeat("\x1b[31m\u202eü", 1<<10)}},
		"nothing": {},
	} {
		r, h, _ := withIssuer(t)
		cookie, address := r.begin(t, h, "/")
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		answer.Set("state", u.Query().Get("state"))
		w := r.serve(h, comesBack(t, "/login/oidc/callback?"+answer.Encode(), cookie))
		page := w.Body.String()
		if w.Code != http.StatusForbidden || !strings.Contains(page, "Example did not let you in") || strings.Contains(page, "<script>alert") || strings.Contains(page, "<img") || len(page) > 4<<10 {
			t.Errorf("%s: %d %s", name, w.Code, page)
		}
		if log := r.log.String(); len(log) > 2<<10 || strings.ContainsAny(page+log, "\x1b\u202e") || !strings.Contains(log, `"outcome":"refused","why":"the issuer says:`) {
			t.Errorf("%s: the log has %s", name, log)
		}
	}
}

func TestAStrangersErrorIsNotShown(t *testing.T) {
	t.Parallel()
	r, h, _ := withIssuer(t)
	for _, cookie := range []*http.Cookie{nil, {Name: "__Host-keyturn-login", Value: "guess"}} {
		w := r.serve(h, comesBack(t, "/login/oidc/callback?state=x&error=call&error_description=0800-EVIL", cookie))
		if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String()+r.log.String(), "0800-EVIL") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

func TestTheClientsSecretIsNotShown(t *testing.T) {
	t.Parallel()
	const canary = "hunter2hunter2"
	for name, read := range map[string]func(context.Context) (secret.Value, error){
		"that the issuer refuses, and repeats": func(context.Context) (secret.Value, error) { return secret.New(canary), nil },
		"that cannot be read": func(context.Context) (secret.Value, error) {
			return secret.Value{}, errors.New("console.oidc.client_secret: no such file")
		},
	} {
		r, h, i := withIssuer(t)
		r.issuer.Secret = read
		status, page, cookie := r.logsIn(t, h, i, alice("admins"))
		if status != http.StatusForbidden || cookie != nil || strings.Contains(page+r.log.String(), canary) {
			t.Errorf("%s: %d %s\n%s", name, status, page, r.log.String())
		}
		if log := r.log.String(); !strings.Contains(log, "401 Unauthorized invalid_client") && !strings.Contains(log, "no such file") {
			t.Errorf("%s: the log does not say why: %s", name, log)
		}
	}
}

func TestTheClientsSecretGoesWhereTheIssuerWantsIt(t *testing.T) {
	t.Parallel()
	for name, methods := range map[string]string{"in the body": `"client_secret_post"`, "in a header": `"private_key_jwt","client_secret_post","client_secret_basic"`} {
		r, h, i := withIssuer(t)
		i.instead["/oidc/.well-known/openid-configuration"] = func(w http.ResponseWriter, req *http.Request) {
			said := httptest.NewRecorder()
			i.Discovery(said, req)
			_, _ = io.WriteString(w, strings.Replace(said.Body.String(), `"client_secret_basic","client_secret_post"`, methods, 1))
		}
		var basic bool
		i.instead["/oidc/token"] = func(w http.ResponseWriter, req *http.Request) {
			_, _, basic = req.BasicAuth()
			i.Token(w, req)
		}
		if _, page, cookie := r.logsIn(t, h, i, alice("admins")); cookie == nil || basic != (name == "in a header") {
			t.Errorf("%s: %v %s", name, basic, page)
		}
	}
}

func TestAPublicClientHasNoSecret(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	r.issuer.Secret = nil
	var asked url.Values
	i.instead["/oidc/token"] = func(w http.ResponseWriter, req *http.Request) {
		_ = req.ParseForm()
		asked = req.PostForm
		http.Error(w, "{}", http.StatusBadRequest)
	}
	r.logsIn(t, h, i, alice("admins"))
	if asked.Get("client_id") != i.ClientID || asked.Has("client_secret") || len(asked.Get("code_verifier")) != 43 {
		t.Errorf("%v", asked)
	}
}

func TestARedirectOfTheIssuerIsNotFollowed(t *testing.T) {
	t.Parallel()
	var other atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, path := range []string{"/oidc/token", "/oidc/.well-known/jwks.json", "/oidc/.well-known/openid-configuration"} {
		r, h, i := withIssuer(t)
		i.instead[path] = func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, elsewhere.URL, http.StatusTemporaryRedirect)
		}
		if strings.HasSuffix(path, "configuration") {
			if w := r.serve(h, form(t, "/login/oidc", nil, nil)); w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s: %d", path, w.Code)
			}
		} else if status, _, cookie := r.logsIn(t, h, i, alice("admins")); status != http.StatusForbidden || cookie != nil {
			t.Errorf("%s: %d", path, status)
		}
	}
	if n := other.Load(); n > 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestAnAnswerThatDoesNotEndIsReadUpToALimit(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	var sent atomic.Int64
	const most = 256 << 20
	i.instead["/oidc/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer": "`)
		for blanks := []byte(strings.Repeat(" ", 1<<20)); sent.Load() < most; sent.Add(1 << 20) {
			if _, err := w.Write(blanks); err != nil {
				return
			}
		}
	}
	if w := r.serve(h, form(t, "/login/oidc", nil, nil)); w.Code != http.StatusServiceUnavailable || sent.Load() >= most || r.log.Len() > 2<<10 {
		t.Errorf("%d, %d bytes were sent", w.Code, sent.Load())
	}
}

func TestAnIssuerIsCertifiedByTheAuthorityThatIsGivenAndHasHTTPSAlone(t *testing.T) {
	t.Parallel()
	endpoint := "https://login.example.com/token"
	var server *httptest.Server
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer": "`+server.URL+`", "authorization_endpoint": "`+server.URL+`/ask", "token_endpoint": "`+endpoint+`", "jwks_uri": "`+server.URL+`/keys"}`)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	begins := func(o *console.OIDC) int {
		r := newRig(t)
		o.Name, o.Issuer, o.ClientID = "Example", server.URL, "keyturn"
		r.issuer = o
		return r.serve(r.Handler(), form(t, "/login/oidc", nil, nil)).Code
	}
	if got := begins(&console.OIDC{CA: pool}); got != http.StatusOK {
		t.Errorf("with its authority: %d", got)
	}
	if got := begins(&console.OIDC{}); got != http.StatusServiceUnavailable {
		t.Errorf("without: %d", got)
	}
	for _, endpoint = range []string{"http://login.example.com/token", "/token", "", "javascript:alert(1)"} {
		if got := begins(&console.OIDC{CA: pool}); got != http.StatusServiceUnavailable {
			t.Errorf("codes go to %q: %d", endpoint, got)
		}
	}
}

func TestAPersonIsCalledWhatTheIssuerVouchesFor(t *testing.T) {
	t.Parallel()
	base := alice("viewers").but("preferred_username", "alice")
	for name, test := range map[string]struct {
		person person
		want   string
	}{
		"an address":                {base, "alice@example.com"},
		"one that is proven":        {base.but("email_verified", true), "alice@example.com"},
		"one that is not":           {base.but("email_verified", false), "alice"},
		"one that is not, in words": {base.but("email_verified", "false"), "alice"},
		"a name":                    {base.but("email", nil), "alice"},
		"no text":                   {base.but("email", 7).but("preferred_username", []string{"alice"}), "4711"},
		"what no terminal takes":    {base.but("email", "\x1b[31mali\u202ece\n"), "[31malice"},
		"a long one":                {base.but("email", strings.Repeat("ü", 100)), strings.Repeat("ü", 48) + "…"},
	} {
		r, h, i := withIssuer(t)
		if _, page, cookie := r.logsIn(t, h, i, test.person); cookie == nil {
			t.Fatalf("%s: %s", name, page)
		} else if page := r.serve(h, get(t, "/", cookie)).Body.String(); !strings.Contains(page, "<span>"+test.want+", viewer</span>") {
			t.Errorf("%s: %s", name, page)
		}
		if !strings.Contains(r.log.String(), `"by":"`+test.want+`","subject":"4711"`) {
			t.Errorf("%s: the audit has %s", name, r.log.String())
		}
	}
}

func TestAPersonDoesNotPassForAToken(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	_, _, cookie := r.logsIn(t, h, i, alice("operators").but("email", nil).but("preferred_username", "admin"))
	csrf := csrfOf(t, r.serve(h, get(t, "/credentials/alerts", cookie)).Body.String())
	r.serve(h, form(t, "/credentials/alerts/rotate", cookie, url.Values{"csrf": {csrf}}))
	if len(r.asked) != 2 || !strings.HasSuffix(r.asked[1], " by oidc:admin@console") {
		t.Errorf("%v", r.asked)
	}
}
