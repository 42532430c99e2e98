package console_test

import (
	"context"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"keyturn/internal/console"
	"keyturn/internal/secret"
)

// issuer is a stand-in of one. It lets in whom it is told to, without asking.
type issuer struct {
	*mockoidc.MockOIDC
	away  atomic.Bool  // it closes every connection
	codes atomic.Int32 // that were traded
	// instead answers a request, of a path, in place of the stand-in; nil: it does not.
	instead map[string]http.HandlerFunc
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{MockOIDC: m, instead: map[string]http.HandlerFunc{}}
	if err := m.AddMiddleware(i.stands); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(l, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Server.Close() })
	return i
}

// stands is before each answer. The stand-in knows no client_secret_basic.
func (i *issuer) stands(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.away.Load() {
			panic(http.ErrAbortHandler)
		}
		if r.URL.Path == "/oidc/token" {
			i.codes.Add(1)
		}
		if id, password, basic := r.BasicAuth(); basic && r.ParseForm() == nil {
			password, _ = url.QueryUnescape(password)
			r.Form.Set("client_id", id)
			r.Form.Set("client_secret", password)
		}
		if answer := i.instead[r.URL.Path]; answer != nil {
			next = answer
		}
		next.ServeHTTP(w, r)
	})
}

// settings are how a console knows the issuer.
func (i *issuer) settings() *console.OIDC {
	return &console.OIDC{
		Name: "Example", Issuer: i.Issuer(), ClientID: i.ClientID, Scopes: []string{"openid", "profile", "email", "groups"}, Claim: "groups",
		Secret: func(context.Context) (secret.Value, error) { return secret.New(i.ClientSecret), nil },
		Roles:  map[string]console.Role{"viewers": console.Viewer, "operators": console.Operator, "admins": console.Admin},
	}
}

// person is the one who logs in next: what the ID token says, beyond what each does and instead of that. A claim of nil is left out.
type person map[string]any

// alice has a role.
func alice(groups ...string) person {
	return person{"sub": "4711", "email": "alice@example.com", "groups": groups}
}

// but is a person whose ID token says something else.
func (p person) but(claim string, value any) person {
	other := maps.Clone(p)
	other[claim] = value
	return other
}

func (p person) ID() string { return "4711" }

// Userinfo answers what stands under "userinfo", which no ID token has.
func (p person) Userinfo([]string) ([]byte, error) {
	if text, ok := p["userinfo"].(string); ok {
		return []byte(text), nil
	}
	return []byte(`{"sub": "4711"}`), nil
}

func (p person) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	all := jwt.MapClaims{"iss": base.Issuer, "aud": base.Audience, "exp": base.ExpiresAt.Unix(), "iat": base.IssuedAt.Unix(), "nonce": base.Nonce}
	maps.Copy(all, p)
	maps.DeleteFunc(all, func(claim string, value any) bool { return value == nil || claim == "userinfo" })
	return all, nil
}

var (
	leads = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]+)">`)
	link  = regexp.MustCompile(`<a class="button main" href="([^"]+)">`)
)

// leadsTo is where a page leads by itself and by its link; "" if nowhere.
func leadsTo(t *testing.T, page string) string {
	t.Helper()
	by, beside := leads.FindStringSubmatch(page), link.FindStringSubmatch(page)
	if by == nil {
		return ""
	}
	if beside == nil || html.UnescapeString(by[1]) != html.UnescapeString(beside[1]) {
		t.Errorf("without the refresh, the page does not lead on: %s", page)
	}
	return html.UnescapeString(by[1])
}

// begin is a browser that begins a login: its cookie, and where it is sent.
func (r *rig) begin(t *testing.T, h http.Handler, next string) (*http.Cookie, string) {
	t.Helper()
	w := r.serve(h, form(t, "/login/oidc", nil, url.Values{"next": {next}}))
	cookies := w.Result().Cookies()
	if w.Code != http.StatusOK || len(cookies) != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return cookies[0], leadsTo(t, w.Body.String())
}

// meet is what the issuer does with a person who is sent there: the path and query that it sends the browser back to.
func (i *issuer) meet(t *testing.T, address string, p person) string {
	t.Helper()
	i.QueueUser(p)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	back, err := res.Location()
	if err != nil || back.Scheme != "https" || back.Host != "keyturn.example.com" || back.Path != "/login/oidc/callback" {
		t.Fatalf("%s, %v: %s", res.Status, err, back)
	}
	return back.RequestURI()
}

// comesBack is the request of a browser that another site has sent here.
func comesBack(t *testing.T, path string, cookie *http.Cookie) *http.Request {
	t.Helper()
	req := with(request(t, http.MethodGet, path, "", ""), "Sec-Fetch-Site", "cross-site")
	if cookie != nil {
		req.AddCookie(cookie)
	}
	return req
}

// logsIn is a whole login: what the browser gets, with its session if there is one.
func (r *rig) logsIn(t *testing.T, h http.Handler, i *issuer, p person) (status int, page string, session *http.Cookie) {
	t.Helper()
	cookie, address := r.begin(t, h, "/events")
	w := r.serve(h, comesBack(t, i.meet(t, address, p), cookie))
	for _, c := range w.Result().Cookies() {
		switch {
		case c.Name == "__Host-keyturn":
			session = c
		case c.Name == cookie.Name && c.MaxAge >= 0:
			t.Errorf("the browser keeps the login: %+v", c)
		}
	}
	return w.Code, w.Body.String(), session
}

// withIssuer is a console that people log in to at an issuer.
func withIssuer(t *testing.T) (*rig, http.Handler, *issuer) {
	t.Helper()
	r, i := newRig(t), newIssuer(t)
	r.issuer = i.settings()
	return r, r.Handler(), i
}

// get asks for a path with a cookie.
func get(t *testing.T, path string, cookie *http.Cookie) *http.Request {
	t.Helper()
	req := request(t, http.MethodGet, path, "", "")
	req.AddCookie(cookie)
	return req
}

func TestGroupsThatTheIDTokenDoesNotHaveComeFromUserinfo(t *testing.T) {
	t.Parallel()
	for userinfo, want := range map[string]string{
		`{"sub": "4711", "groups": ["admins"]}`: `"role":"admin"`, `{"sub": "4711"}`: `"why":"no group has a role"`,
		`{"sub": "4712", "groups": ["admins"]}`: `"why":"userinfo: it is about another person"`, `{"groups": ["admins"]}`: `"why":"userinfo: it is about another person"`,
		`["admins"]`: `"why":"userinfo: its answer cannot be used"`, "": `"why":"userinfo: its answer cannot be used"`,
	} {
		r, h, i := withIssuer(t)
		status, page, cookie := r.logsIn(t, h, i, alice().but("groups", nil).but("userinfo", userinfo))
		if !strings.Contains(r.log.String(), want) || (cookie != nil) != (status == http.StatusOK) || (cookie != nil) != strings.Contains(want, "role\":") {
			t.Errorf("%s: %d %+v %s\n%s", userinfo, status, cookie, page, r.log.String())
		}
	}
	r, h, i := withIssuer(t)
	if _, page, cookie := r.logsIn(t, h, i, alice().but("userinfo", `{"sub": "4711", "groups": ["admins"]}`)); cookie != nil {
		t.Errorf("an ID token that names no group says so: %s", page)
	}
	r2, h2, i2 := withIssuer(t)
	i2.instead["/oidc/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"issuer": "`+i2.Issuer()+`", "authorization_endpoint": "`+i2.AuthorizationEndpoint()+`", "token_endpoint": "`+i2.TokenEndpoint()+`", "jwks_uri": "`+i2.JWKSEndpoint()+`",
			"userinfo_endpoint": "ftp`+strings.TrimPrefix(i2.UserinfoEndpoint(), "http")+`", "id_token_signing_alg_values_supported": ["RS256"]}`)
	}
	if _, page, cookie := r2.logsIn(t, h2, i2, alice().but("groups", nil)); cookie != nil || !strings.Contains(r2.log.String(), `"why":"userinfo: its address is not an https URL"`) {
		t.Errorf("%s\n%s", page, r2.log.String())
	}
	if _, page, cookie := r2.logsIn(t, h2, i2, alice("viewers")); cookie == nil {
		t.Errorf("who needs no userinfo cannot log in: %s", page)
	}
	for status, page := range map[int]int{http.StatusServiceUnavailable: http.StatusServiceUnavailable, http.StatusTooManyRequests: http.StatusServiceUnavailable, http.StatusForbidden: http.StatusForbidden, http.StatusFound: http.StatusForbidden} {
		i.instead["/oidc/userinfo"] = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "canary-userinfo", status) }
		got, _, cookie := r.logsIn(t, h, i, alice().but("groups", nil))
		if log := r.log.String(); got != page || cookie != nil || !strings.Contains(log, strconv.Itoa(status)+" "+http.StatusText(status)) || strings.Contains(log, "canary") {
			t.Errorf("userinfo answers %d: %d\n%s", status, got, log)
		}
	}
	i.instead["/oidc/userinfo"] = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	if status, page, cookie := r.logsIn(t, h, i, alice().but("groups", nil)); status != http.StatusServiceUnavailable || cookie != nil {
		t.Errorf("without an answer: %d %s", status, page)
	}
}
