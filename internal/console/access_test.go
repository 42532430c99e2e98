package console_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/console"
)

// routes are all operations of the API, as its own description has them, each with the role that it takes.
func routes(t *testing.T, r *rig) map[string]console.Role {
	t.Helper()
	w := r.serve(r.Handler(), request(t, http.MethodGet, "/v1/openapi.json", "viewer", ""))
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ Tags []string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != http.StatusOK || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	all := map[string]console.Role{"GET /v1/openapi.json": console.Viewer, "GET /v1/openapi.yaml": console.Viewer}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			all[strings.ToUpper(method)+" "+strings.NewReplacer("{id}", r.cred.ID, "{account}", "mail", "{name}", "owners").Replace(path)] = console.RoleOf(op.Tags[0])
		}
	}
	for _, page := range []string{"/", "/work", "/credentials", "/credentials/alerts", "/plan", "/freezes", "/contacts", "/events"} {
		all["GET "+page] = console.Viewer
	}
	return all
}

// bodies are what some requests cannot do without.
var bodies = map[string]string{
	"/v1/credentials/alerts/abandon": `{"confirm": "alerts"}`,
	"/v1/rotations":                  `{"credentials": ["alerts"]}`,
	"/v1/rotations/estimate":         `{"account": "mail"}`,
	"/v1/freezes":                    `{"account": "mail", "until": "1h", "reason": "audit"}`,
	"/v1/freezes/thaw":               `{"account": "mail"}`,
}

func TestEveryOperationTakesItsRole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	all := routes(t, r)
	if len(all) < 28 {
		t.Fatalf("only %d operations are known", len(all))
	}
	persons := matrix(t)
	for route, needs := range all {
		method, path, _ := strings.Cut(route, " ")
		for _, has := range []console.Role{console.None, console.Viewer, console.Operator, console.Admin} {
			for _, person := range []bool{false, true} {
				token, body := has.String(), ""
				if has == console.None || person {
					token = ""
				}
				if needed, ok := bodies[path]; ok {
					body = needed
				}
				r := newRig(t) // with limits of its own
				req := request(t, method, path, token, body)
				if person {
					persons[has](r, req)
				}
				w := r.serve(r.Handler(), req)
				switch refused := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden || w.Code == http.StatusSeeOther; {
				case has >= needs && (refused || w.Code >= 300):
					t.Errorf("%s by %s (person: %v): %d %s", route, has, person, w.Code, w.Body)
				case has < needs && !refused:
					t.Errorf("%s by %s (person: %v) is let in: %d %s", route, has, person, w.Code, w.Body)
				case has < needs && len(r.asked) > 0:
					t.Errorf("%s by %s (person: %v) did %v", route, has, person, r.asked)
				}
			}
		}
	}
}

// matrix has the session of a person for each role. The one without a role had one at the login.
func matrix(t *testing.T) map[console.Role]func(*rig, *http.Request) {
	t.Helper()
	all := map[console.Role]func(*rig, *http.Request){}
	in, h, i := withIssuer(t)
	for role, group := range map[console.Role]string{console.None: "former", console.Viewer: "viewers", console.Operator: "operators", console.Admin: "admins"} {
		in.issuer = i.settings()
		in.issuer.Roles["former"] = console.Admin
		_, _, cookie := in.logsIn(t, h, i, alice(group))
		csrf := csrfOf(t, in.serve(h, get(t, "/", cookie)).Body.String())
		all[role] = func(r *rig, req *http.Request) {
			r.shelf, r.issuer = in.shelf, i.settings()
			req.AddCookie(cookie)
			req.Header.Set("Origin", "https://keyturn.example.com")
			req.Header.Set("X-CSRF-Token", csrf)
		}
	}
	return all
}

// loggedIn is a session of a role.
func loggedIn(t *testing.T, r *rig, h http.Handler, role string) (cookie *http.Cookie, csrf string) {
	t.Helper()
	w := r.serve(h, form(t, "/login", nil, url.Values{"token": {role}}))
	if cookies := w.Result().Cookies(); w.Code == http.StatusSeeOther && len(cookies) == 1 {
		cookie = cookies[0]
	} else {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	req := request(t, http.MethodGet, "/credentials/alerts", "", "")
	req.AddCookie(cookie)
	return cookie, csrfOf(t, r.serve(h, req).Body.String())
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrfOf is what a form of a page carries.
func csrfOf(t *testing.T, page string) string {
	t.Helper()
	found := csrfField.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("the page has no form: %s", page)
	}
	return found[1]
}

// form is one that a page of ours sends.
func form(t *testing.T, path string, cookie *http.Cookie, fields url.Values) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://keyturn.example.com"+path, strings.NewReader(fields.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://keyturn.example.com")
	if cookie != nil {
		req.AddCookie(cookie)
	}
	return req
}

func TestASessionsCookieIsKeptFromScriptsAndOtherHosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cookie, _ := loggedIn(t, r, r.Handler(), "operator")
	if cookie.Name != "__Host-keyturn" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || len(cookie.Value) < 43 {
		t.Errorf("%+v", cookie)
	}
	for key, value := range r.shelf {
		if strings.Contains(key+string(value), cookie.Value) || strings.Contains(string(value), "operator") {
			t.Errorf("what is kept would let its reader in: %s = %s", key, value)
		}
	}
}

func TestAChangeComesFromAPageOfTheSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	cookie, csrf := loggedIn(t, r, h, "operator")
	const path = "/credentials/alerts/rotate"
	good := url.Values{"csrf": {csrf}}
	for name, req := range map[string]*http.Request{
		"no token of the form":   form(t, path, cookie, nil),
		"another session's form": form(t, path, cookie, url.Values{"csrf": {"guess"}}),
		"another site's form":    with(form(t, path, cookie, good), "Origin", "https://evil.example.com"),
		"a form from nowhere":    with(form(t, path, cookie, good), "Origin", ""),
		"a bare origin":          with(form(t, path, cookie, good), "Origin", "null"),
		"the API without token":  with(form(t, "/v1"+path, cookie, good), "Content-Type", "application/json"),
		"a forged session":       form(t, path, &http.Cookie{Name: cookie.Name, Value: "guess"}, good),
		"a program's token":      with(form(t, path, nil, good), "Authorization", "Bearer operator"),
	} {
		if w := r.serve(h, req); w.Code != http.StatusForbidden && w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if len(r.asked) > 0 {
		t.Fatalf("%v", r.asked)
	}
	if w := r.serve(h, form(t, path, cookie, good)); w.Code != http.StatusSeeOther || !slices.Equal(r.asked, []string{"job rotate of alerts by operator@console", "event rotate at mail by operator@console"}) {
		t.Errorf("%d, %v", w.Code, r.asked)
	}
	api := with(form(t, "/v1"+path, cookie, nil), "X-CSRF-Token", csrf)
	if w := r.serve(h, with(api, "Content-Type", "application/json")); w.Code != http.StatusAccepted {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(r.log.String(), `"msg":"audit","operation":"rotate","about":"alerts","by":"operator","role":"operator","from":"192.0.2.1","outcome":"asked"`) {
		t.Errorf("the audit lacks it:\n%s", r.log.String())
	}
}

func with(req *http.Request, header, value string) *http.Request {
	req.Header.Set(header, value)
	if value == "" {
		req.Header.Del(header)
	}
	return req
}

func TestATokenThatIsTakenAwayEndsItsSessions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	cookie, _ := loggedIn(t, r, h, "operator")
	r.Tokens = func(console.Digest) (string, console.Role, bool) { return "", console.None, false }
	req := request(t, http.MethodGet, "/v1/fleet", "", "")
	req.AddCookie(cookie)
	if w := r.serve(h, req); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhatIsDestroyedIsConfirmed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	for _, body := range []string{"", `{}`, `{"confirm": "other"}`} {
		if w := r.serve(h, request(t, http.MethodPost, "/v1/credentials/alerts/abandon", "admin", body)); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "only copy") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if len(r.asked) > 0 {
		t.Errorf("%v", r.asked)
	}
}

func TestGuessesOfTokensAreSlowedDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	last := 0
	for i := range 20 {
		last = r.serve(h, form(t, "/login", nil, url.Values{"token": {fmt.Sprint("guess", i)}})).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 20th guess: %d", last)
	}
	if w := r.serve(h, request(t, http.MethodGet, "/v1/fleet", "guess", "")); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("one of the API: %d", w.Code)
	}
	if w := r.serve(h, request(t, http.MethodGet, "/v1/fleet", "viewer", "")); w.Code != http.StatusOK {
		t.Errorf("who has a token is held up: %d", w.Code)
	}
	for i := range 20 { // one client has them all
		guess := form(t, "/login", nil, url.Values{"token": {"guess"}})
		guess.RemoteAddr = fmt.Sprintf("[2001:db8::%x]:1", i)
		last = r.serve(h, guess).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 20th guess of a network: %d", last)
	}
}

func TestALoginLeadsToAPageOfOurs(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/events?type=rotated": "/events?type=rotated", "": "/", "https://evil.example.com": "/", "//evil.example.com": "/", `/\evil.example.com`: "/", "javascript:alert(1)": "/",
	} {
		r := newRig(t)
		w := r.serve(r.Handler(), form(t, "/login", nil, url.Values{"token": {"viewer"}, "next": {next}}))
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s leads to %s", next, got)
		}
	}
}

func TestRedisAwayIsSaidWithWhatIsStillTrue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	cookie, _ := loggedIn(t, r, h, "viewer")
	r.down = errors.New("dial tcp 127.0.0.1:6379: connection refused")
	page := request(t, http.MethodGet, "/", "", "")
	page.AddCookie(cookie)
	if w := r.serve(h, page); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Redis does not answer") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := r.serve(h, request(t, http.MethodGet, "/v1/fleet", "viewer", "")); w.Code != http.StatusServiceUnavailable || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := r.serve(h, request(t, http.MethodGet, "/", "viewer", "")); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "keep working") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
