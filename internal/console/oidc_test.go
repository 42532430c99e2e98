package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"
)

func TestAPersonLogsInAtTheIssuer(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	if page := r.serve(h, request(t, http.MethodGet, "/login", "", "")).Body.String(); !strings.Contains(page, "Log in with Example") || !strings.Contains(page, `name="token"`) {
		t.Errorf("%s", page)
	}
	status, page, cookie := r.logsIn(t, h, i, alice("others", "viewers", "operators"))
	if status != http.StatusOK || cookie == nil || leadsTo(t, page) != "/events" {
		t.Fatalf("%d %+v %s", status, cookie, page)
	}
	if page := r.serve(h, get(t, "/", cookie)).Body.String(); !strings.Contains(page, "alice@example.com, operator") {
		t.Errorf("%s", page)
	}
	csrf := csrfOf(t, r.serve(h, get(t, "/credentials/alerts", cookie)).Body.String())
	if w := r.serve(h, form(t, "/credentials/alerts/rotate", cookie, url.Values{"csrf": {csrf}})); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if want := []string{"job rotate of alerts by oidc:alice@example.com@console", "event rotate at mail by oidc:alice@example.com@console"}; !slices.Equal(r.asked, want) {
		t.Errorf("%v", r.asked)
	}
	for _, line := range []string{
		`"msg":"audit","operation":"login","from":"192.0.2.1","by":"alice@example.com","subject":"4711","role":"operator","outcome":"done"`,
		`"operation":"rotate","about":"alerts","by":"alice@example.com","role":"operator","from":"192.0.2.1","subject":"4711","outcome":"asked"`,
	} {
		if !strings.Contains(r.log.String(), line) {
			t.Errorf("the audit lacks %s:\n%s", line, r.log.String())
		}
	}
	if w := r.serve(h, form(t, "/logout", cookie, url.Values{"csrf": {csrf}})); w.Code != http.StatusSeeOther || r.serve(h, get(t, "/v1/fleet", cookie)).Code != http.StatusUnauthorized {
		t.Errorf("the session outlives the logout: %d", w.Code)
	}
}

func TestALoginAtTheIssuerIsBoundToItsBrowser(t *testing.T) {
	t.Parallel()
	r, h, _ := withIssuer(t)
	cookie, address := r.begin(t, h, "/")
	if cookie.Name != "__Host-keyturn-login" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 600 || len(cookie.Value) < 43 {
		t.Errorf("%+v", cookie)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	ask := u.Query()
	if ask.Get("response_type") != "code" || ask.Get("code_challenge_method") != "S256" || len(ask.Get("code_challenge")) != 43 || len(ask.Get("state")) < 43 || len(ask.Get("nonce")) < 43 ||
		ask.Get("scope") != "openid profile email groups" || ask.Get("redirect_uri") != "https://keyturn.example.com/login/oidc/callback" || strings.Contains(address, cookie.Value) {
		t.Errorf("%s", address)
	}
	if len(r.shelf) != 1 {
		t.Errorf("%d are kept", len(r.shelf))
	}
	for key, value := range r.shelf {
		for _, secret := range []string{cookie.Value, ask.Get("state"), ask.Get("nonce"), ask.Get("code_challenge")} {
			if strings.Contains(key+string(value), secret) {
				t.Errorf("what is kept would let its reader in: %s = %s", key, value)
			}
		}
	}
}

func TestALoginEndsInTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	cookie, address := r.begin(t, h, "/")
	other, _ := r.begin(t, h, "/")
	back := i.meet(t, address, alice("admins"))
	for name, req := range map[string]*http.Request{
		"no cookie":       comesBack(t, back, nil),
		"another login":   comesBack(t, back, other),
		"a guessed state": comesBack(t, "/login/oidc/callback?code=x&state=guess", cookie),
		"no state":        comesBack(t, "/login/oidc/callback?code=x", cookie),
		"a forged cookie": comesBack(t, back, &http.Cookie{Name: cookie.Name, Value: "guess"}),
	} {
		w := r.serve(h, req)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "was not begun in this browser") || len(w.Result().Cookies()) > 0 {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Result().Cookies(), w.Body)
		}
	}
	if n := i.codes.Load(); n > 0 || strings.Count(r.log.String(), `"operation":"login","from":"192.0.2.1","outcome":"refused","why":"`) != 5 {
		t.Errorf("%d codes were traded; the audit has\n%s", n, r.log.String())
	}
	if w := r.serve(h, comesBack(t, back, cookie)); w.Code != http.StatusOK {
		t.Errorf("another's attempts have ended it: %d %s", w.Code, w.Body)
	}
}

func TestALoginIsUsedOnce(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	cookie, address := r.begin(t, h, "/")
	back := i.meet(t, address, alice("admins"))
	if w := r.serve(h, comesBack(t, back, cookie)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w := r.serve(h, comesBack(t, back, cookie))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "was used already") || i.codes.Load() != 1 {
		t.Errorf("%d, %d codes were traded: %s", w.Code, i.codes.Load(), w.Body)
	}
}

func TestAPersonWithoutAGroupThatHasARoleIsRefused(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]person{
		"other groups": alice("engineering"), "none": alice(), "another claim": alice().but("roles", []string{"admins"}), "no list": alice().but("groups", map[string]any{"admins": true}),
		"the name of a group within another": alice("admins,viewers", "Admins"),
	} {
		r, h, i := withIssuer(t)
		status, page, cookie := r.logsIn(t, h, i, p)
		if status != http.StatusForbidden || cookie != nil || !strings.Contains(page, "You are alice@example.com at Example, and none of your groups has a role here. Ask those who run keyturn") || strings.Contains(page, "admins") {
			t.Errorf("%s: %d %+v %s", name, status, cookie, page)
		}
		if want := `"by":"alice@example.com","subject":"4711","role":"none","outcome":"refused","why":"no group has a role"`; !strings.Contains(r.log.String(), want) {
			t.Errorf("%s: the audit has %s", name, r.log.String())
		}
	}
}

func TestTheClaimThatTheConfigurationNamesHasTheGroups(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]person{
		"a list": alice("viewers").but("https://example.com/roles", []any{"admins", 7}), "one text": alice("viewers").but("https://example.com/roles", "admins"),
	} {
		r, h, i := withIssuer(t)
		r.issuer.Claim = "https://example.com/roles"
		if _, page, cookie := r.logsIn(t, h, i, p); cookie == nil || !strings.Contains(r.log.String(), `"role":"admin"`) {
			t.Errorf("%s: %s", name, page)
		}
	}
}

func TestAnIDTokenThatProvesNothingIsRefused(t *testing.T) {
	t.Parallel()
	good := alice("admins")
	for name, p := range map[string]person{
		"expired": good.but("exp", time.Now().Add(-time.Minute).Unix()), "without an end": good.but("exp", nil), "of another login": good.but("nonce", "guess"), "of no login": good.but("nonce", nil),
		"for another client": good.but("aud", "other"), "that another client asked for": good.but("azp", "other"), "of another issuer": good.but("iss", "https://login.example.com"),
		"about no one": good.but("sub", nil), "about no one who is known": good.but("sub", strings.Repeat("4", 256)), "that is not valid yet": good.but("nbf", time.Now().Add(time.Hour).Unix()),
	} {
		r, h, i := withIssuer(t)
		if status, page, cookie := r.logsIn(t, h, i, p); status != http.StatusForbidden || cookie != nil || !strings.Contains(page, "Example did not confirm who you are") || !strings.Contains(r.log.String(), `"outcome":"refused","why":"ID token: `) {
			t.Errorf("%s: %d %+v %s\n%s", name, status, cookie, page, r.log.String())
		}
	}
	r, h, i := withIssuer(t)
	keys, err := i.Keypair.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	if i.Keypair, err = mockoidc.RandomKeypair(2048); err != nil {
		t.Fatal(err)
	}
	i.instead["/oidc/.well-known/jwks.json"] = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keys) }
	if status, _, cookie := r.logsIn(t, h, i, good); status != http.StatusForbidden || cookie != nil || !strings.Contains(r.log.String(), "signature") {
		t.Errorf("signed with another key: %d %+v\n%s", status, cookie, r.log.String())
	}
}

func TestAGroupThatLosesItsRoleEndsItsSessions(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	_, _, cookie := r.logsIn(t, h, i, alice("viewers", "operators"))
	role := func() string {
		w := r.serve(h, get(t, "/", cookie))
		_, after, _ := strings.Cut(w.Body.String(), "alice@example.com, ")
		text, _, _ := strings.Cut(after, "<")
		return text
	}
	if got := role(); got != "operator" {
		t.Fatalf("%q", got)
	}
	r.issuer = i.settings()
	delete(r.issuer.Roles, "operators")
	if got := role(); got != "viewer" {
		t.Errorf("without the role of one group: %q", got)
	}
	delete(r.issuer.Roles, "viewers")
	if got := role(); got != "" {
		t.Errorf("without a role of any: %q", got)
	}
	r.issuer = i.settings()
	r.issuer.Issuer += "/other"
	if got := role(); got != "" {
		t.Errorf("with another issuer: %q", got)
	}
	r.issuer = nil
	if w := r.serve(h, get(t, "/v1/fleet", cookie)); w.Code != http.StatusUnauthorized {
		t.Errorf("without an issuer: %d", w.Code)
	}
}

func TestALoginBeginsWithAFormOfOurs(t *testing.T) {
	t.Parallel()
	r, h, _ := withIssuer(t)
	for name, test := range map[string]struct {
		req  *http.Request
		want int
	}{
		"a link":              {request(t, http.MethodGet, "/login/oidc", "", ""), http.StatusNotFound},
		"another site's form": {with(form(t, "/login/oidc", nil, nil), "Origin", "https://evil.example.com"), http.StatusForbidden},
		"a form from nowhere": {with(form(t, "/login/oidc", nil, nil), "Origin", ""), http.StatusForbidden},
	} {
		if w := r.serve(h, test.req); w.Code != test.want || len(w.Result().Cookies()) > 0 || len(r.shelf) > 0 {
			t.Errorf("%s: %d %v", name, w.Code, w.Result().Cookies())
		}
	}
	for range 10 {
		r.begin(t, h, "/")
	}
	for _, path := range []string{"/login/oidc", "/login"} {
		if w := r.serve(h, form(t, path, nil, url.Values{"token": {"viewer"}})); w.Code != http.StatusTooManyRequests {
			t.Errorf("%s, the 11th login: %d", path, w.Code)
		}
	}
	for range 20 {
		if w := r.serve(h, comesBack(t, "/login/oidc/callback?state=guess", nil)); w.Code != http.StatusTooManyRequests || strings.Contains(r.log.String(), "begun no login") {
			t.Fatalf("a guessed state: %d\n%s", w.Code, r.log.String())
		}
	}
	r.issuer = nil
	for _, req := range []*http.Request{form(t, "/login/oidc", nil, nil), comesBack(t, "/login/oidc/callback", nil)} {
		if w := r.serve(h, req); w.Code != http.StatusNotFound {
			t.Errorf("%s without an issuer: %d", req.URL.Path, w.Code)
		}
	}
}

func TestNoPageOfALoginTellsATokenFromAGuess(t *testing.T) {
	t.Parallel()
	r, h, _ := withIssuer(t)
	for _, req := range []*http.Request{form(t, "/login/oidc", nil, nil), comesBack(t, "/login/oidc/callback?state=guess", nil)} {
		if w := r.serve(h, with(req, "Authorization", "Bearer guess")); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", req.URL.Path, w.Code, w.Body)
		}
	}
	last := 0
	for range 20 {
		last = r.serve(h, with(comesBack(t, "/login/oidc/callback", nil), "Authorization", "Bearer guess")).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 20th guess: %d", last)
	}
}

func TestALoginAtTheIssuerLeadsToAPageOfOurs(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{"/events?type=rotated&account=a": "/events?type=rotated&account=a", "https://evil.example.com": "/", "//evil.example.com": "/", "javascript:alert(1)": "/"} {
		r, h, i := withIssuer(t)
		cookie, address := r.begin(t, h, next)
		if got := leadsTo(t, r.serve(h, comesBack(t, i.meet(t, address, alice("viewers")), cookie)).Body.String()); got != want {
			t.Errorf("%s leads to %q", next, got)
		}
	}
}

func TestRedisAwayEndsALoginClearly(t *testing.T) {
	t.Parallel()
	r, h, i := withIssuer(t)
	cookie, address := r.begin(t, h, "/")
	back := i.meet(t, address, alice("viewers"))
	r.down = http.ErrServerClosed
	for _, req := range []*http.Request{form(t, "/login/oidc", nil, nil), comesBack(t, back, cookie)} {
		if w := r.serve(h, req); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Redis does not answer: try again.") {
			t.Errorf("%s: %d %s", req.URL.Path, w.Code, w.Body)
		}
	}
}
