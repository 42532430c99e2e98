package console_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/internal/console"
	"keyturn/internal/due"
)

func TestNothingFromOutsideBecomesMarkup(t *testing.T) {
	t.Parallel()
	for name, standing := range map[string]due.Standing{
		"healthy": {}, "quarantined": {Quarantined: true, Why: evil},
	} {
		r := newRig(t)
		if name != "healthy" {
			r.standing = standing
		}
		h := r.Handler()
		for _, page := range []string{"/", "/work", "/credentials?q=%3Cscript%3E&owner=%22%3E%3Cscript%3E", "/credentials", "/credentials/alerts", "/plan", "/plan?account=mail&rate=%3Cscript%3E", "/freezes?owner=%3Cscript%3E", "/contacts", "/events", "/credentials/%3Cscript%3E", "/nothing/%3Cscript%3E"} {
			w := r.serve(h, request(t, http.MethodGet, page, "admin", ""))
			text := w.Body.String()
			if strings.Contains(text, "<script>") || strings.Contains(text, "<img") || !strings.Contains(text, "</html>") {
				t.Errorf("%s, %s: %d %s", name, page, w.Code, text)
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", page, w.Header())
			}
			if strings.Contains(text, " style=") || strings.Contains(text, " onclick=") {
				t.Errorf("%s has what its policy forbids", page)
			}
		}
	}
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, test := range map[string]struct {
		req  *http.Request
		want int
	}{
		"another host":              {request(t, http.MethodGet, "/v1/fleet", "viewer", ""), http.StatusMisdirectedRequest},
		"a body of 10 MB":           {request(t, http.MethodPost, "/v1/credentials/alerts/rotate", "operator", `{"confirm":"`+strings.Repeat("x", 10<<20)+`"}`), http.StatusRequestEntityTooLarge},
		"a body that is no JSON":    {request(t, http.MethodPost, "/v1/credentials/alerts/rotate", "operator", `{`), http.StatusBadRequest},
		"an unknown field":          {request(t, http.MethodPost, "/v1/credentials/alerts/rotate", "operator", `{"froce": true}`), http.StatusUnprocessableEntity},
		"an unknown parameter":      {request(t, http.MethodGet, "/v1/credentials?sate=healthy", "viewer", ""), http.StatusUnprocessableEntity},
		"a limit beyond the bound":  {request(t, http.MethodGet, "/v1/credentials?limit=100000", "viewer", ""), http.StatusUnprocessableEntity},
		"an unknown state":          {request(t, http.MethodGet, "/v1/credentials?state=sick", "viewer", ""), http.StatusUnprocessableEntity},
		"a label without a value":   {request(t, http.MethodGet, "/v1/credentials?label=team", "viewer", ""), http.StatusUnprocessableEntity},
		"an unknown account":        {request(t, http.MethodGet, "/v1/credentials?account=other", "viewer", ""), http.StatusNotFound},
		"an unknown type of events": {request(t, http.MethodGet, "/v1/events?type=other", "viewer", ""), http.StatusUnprocessableEntity},
		"an id that is none":        {request(t, http.MethodGet, "/v1/events?before=%0a", "viewer", ""), http.StatusUnprocessableEntity},
		"a stream after nothing":    {with(request(t, http.MethodGet, "/v1/events/stream", "viewer", ""), "Last-Event-ID", "next"), http.StatusUnprocessableEntity},
		"a path upwards":            {request(t, http.MethodGet, "/static/..%2f..%2fkeyturn.yaml", "viewer", ""), http.StatusNotFound},
		"a user in a header":        {with(request(t, http.MethodGet, "/v1/fleet", "", ""), "X-Forwarded-User", "admin"), http.StatusUnauthorized},
		"rotations of nothing":      {request(t, http.MethodPost, "/v1/rotations", "operator", `{}`), http.StatusUnprocessableEntity},
		"rotations of two kinds":    {request(t, http.MethodPost, "/v1/rotations", "operator", `{"credentials": ["alerts"], "account": "mail"}`), http.StatusUnprocessableEntity},
		"rotations of an unknown":   {request(t, http.MethodPost, "/v1/rotations", "operator", `{"credentials": ["alerts", "other"]}`), http.StatusNotFound},
		"rotations of no one":       {request(t, http.MethodPost, "/v1/rotations", "operator", `{"owner": "other"}`), http.StatusNotFound},
		"a label that is empty":     {request(t, http.MethodPost, "/v1/rotations/estimate", "viewer", `{"labels": {"team": ""}}`), http.StatusUnprocessableEntity},
		"a plan of a century":       {request(t, http.MethodGet, "/v1/plan?days=36500", "viewer", ""), http.StatusUnprocessableEntity},
		"a plan of an unknown":      {request(t, http.MethodGet, "/v1/plan?account=other", "viewer", ""), http.StatusNotFound},
		"a rate that is none":       {request(t, http.MethodGet, "/v1/plan?account=mail&rate=fast", "viewer", ""), http.StatusUnprocessableEntity},
		"a period that is none":     {request(t, http.MethodGet, "/v1/plan?account=mail&every=often", "viewer", ""), http.StatusUnprocessableEntity},
		"a rate of several":         {request(t, http.MethodGet, "/v1/plan?rate=60/m", "viewer", ""), http.StatusUnprocessableEntity},
		"a freeze of nothing":       {request(t, http.MethodPost, "/v1/freezes", "operator", `{"until": "1h", "reason": "audit"}`), http.StatusUnprocessableEntity},
		"a freeze of all and one":   {request(t, http.MethodPost, "/v1/freezes", "operator", `{"all": true, "account": "mail", "until": "1h", "reason": "audit"}`), http.StatusUnprocessableEntity},
		"a freeze without a reason": {request(t, http.MethodPost, "/v1/freezes", "operator", `{"all": true, "until": "1h", "reason": " "}`), http.StatusUnprocessableEntity},
		"a freeze without an end":   {request(t, http.MethodPost, "/v1/freezes", "operator", `{"all": true, "until": "soon", "reason": "audit"}`), http.StatusUnprocessableEntity},
		"a freeze of an unknown":    {request(t, http.MethodPost, "/v1/freezes", "operator", `{"account": "other", "until": "1h", "reason": "audit"}`), http.StatusNotFound},
		"a thaw of an unknown":      {request(t, http.MethodPost, "/v1/freezes/thaw", "operator", `{"account": "other"}`), http.StatusNotFound},
		"contacts of an unknown":    {request(t, http.MethodPost, "/v1/verifications/other/verify", "operator", ""), http.StatusNotFound},
		"an action by GET":          {request(t, http.MethodGet, "/v1/credentials/alerts/rotate", "operator", ""), http.StatusNotFound},
	} {
		if name == "another host" {
			test.req.Host = "evil.example.com"
		}
		if w := r.serve(r.Handler(), test.req); w.Code != test.want {
			t.Errorf("%s: %d, want %d: %.300s", name, w.Code, test.want, w.Body)
		}
	}
	if len(r.asked) > 0 {
		t.Errorf("%v", r.asked)
	}
}

func TestAKeyOfARequestStandsForThatRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	post := func(role, body string) (int, string) {
		w := r.serve(h, with(request(t, http.MethodPost, "/v1/credentials/alerts/rotate", role, body), "Idempotency-Key", "k"))
		return w.Code, w.Header().Get("Idempotent-Replayed") + w.Body.String()
	}
	if code, text := post("operator", ""); code != http.StatusAccepted || strings.HasPrefix(text, "true") {
		t.Fatalf("%d %s", code, text)
	}
	if code, text := post("operator", ""); code != http.StatusAccepted || !strings.HasPrefix(text, "true") || len(r.asked) != 2 {
		t.Errorf("%d %s, %v", code, text, r.asked)
	}
	if code, text := post("operator", `{"force": true}`); code != http.StatusUnprocessableEntity || len(r.asked) != 2 {
		t.Errorf("another body: %d %s", code, text)
	}
	if code, text := post("admin", ""); code != http.StatusAccepted || len(r.asked) != 4 {
		t.Errorf("another caller's: %d %s", code, text)
	}
	for key := range r.shelf {
		if strings.Contains(key, "operator") {
			t.Errorf("%s", key)
		}
	}
}

func TestOfAProxyOnlyTheAddressThatItSawIsBelieved(t *testing.T) {
	t.Parallel()
	for behind, want := range map[bool]string{true: `"from":"203.0.113.9"`, false: `"from":"192.0.2.1"`} {
		r := newRig(t)
		r.BehindProxy = behind
		req := with(request(t, http.MethodPost, "/v1/credentials/alerts/check", "operator", ""), "X-Forwarded-For", "10.0.0.1, 203.0.113.9")
		if w := r.serve(r.Handler(), req); w.Code != http.StatusAccepted || !strings.Contains(r.log.String(), want) {
			t.Errorf("%d, %s", w.Code, r.log.String())
		}
	}
}

func TestAProxyThatAddsALineOfItsOwnIsBelieved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.BehindProxy = true
	req := request(t, http.MethodPost, "/v1/credentials/alerts/check", "operator", "")
	req.Header["X-Forwarded-For"] = []string{"10.0.0.1", "203.0.113.9"}
	if w := r.serve(r.Handler(), req); w.Code != http.StatusAccepted || !strings.Contains(r.log.String(), `"from":"203.0.113.9"`) {
		t.Errorf("%d, %s", w.Code, r.log.String())
	}
}

func TestNothingIsNoToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Tokens = func(console.Digest) (string, console.Role, bool) { return "all", console.Admin, true }
	w := r.serve(r.Handler(), form(t, "/login", nil, url.Values{"token": {" "}}))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("%d", w.Code)
	}
}

func TestAConsoleThatCannotServeEnds(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := newRig(t).Serve(t.Context(), l); err == nil {
		t.Error("it ends without a word")
	}
}

func TestARoleThatIsUnknownAllowsNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "root", "Admin"} {
		if role := console.RoleOf(name); role != console.None {
			t.Errorf("%q is %s", name, role)
		}
	}
}
