package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestAFreezeAndAThawAreAskedOfAWorkerAndRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	for path, body := range map[string]string{
		"/v1/freezes":      `{"account": "mail", "until": "2h", "reason": "audit"}`,
		"/v1/freezes/thaw": `{"account": "mail"}`,
	} {
		what := "freeze"
		if strings.HasSuffix(path, "/thaw") {
			what = "thaw"
		}
		r.asked = nil
		for range 2 {
			w := r.serve(h, with(request(t, http.MethodPost, path, "operator", body), "Idempotency-Key", "k-"+what))
			if w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), `"scope":{"account":"mail"}`) || !strings.Contains(w.Body.String(), `"outcome":"asked"`) {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if want := []string{"job " + what + " of mail at mail by operator@console", "event " + what + " at mail by operator@console"}; !slices.Equal(r.asked, want) {
			t.Errorf("%s: %v", path, r.asked)
		}
		if n := strings.Count(r.log.String(), `"operation":"`+what+`","about":"account mail","by":"operator","role":"operator","from":"192.0.2.1","outcome":"asked"`); n != 1 {
			t.Errorf("%s: %d lines of the audit:\n%s", path, n, r.log.String())
		}
	}
}

func TestAFreezeIsSeenWithWhoAskedForItAndEndedFromThePage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	cookie, _ := loggedIn(t, r, h, "operator")
	for _, page := range []string{"/", "/freezes"} {
		req := request(t, http.MethodGet, page, "", "")
		req.AddCookie(cookie)
		if text := r.serve(h, req).Body.String(); !strings.Contains(text, "Owner web&lt;script&gt;") || !strings.Contains(text, `action="/freezes/thaw"`) {
			t.Errorf("%s: %s", page, text)
		}
		if text := r.serve(h, request(t, http.MethodGet, page, "viewer", "")).Body.String(); strings.Contains(text, `action="/freezes`) {
			t.Errorf("who may not freeze is offered to, on %s", page)
		}
	}
	if w := r.serve(h, form(t, "/freezes/thaw", cookie, url.Values{"csrf": {"guess"}, "owner": {"payments"}})); w.Code != http.StatusForbidden || len(r.asked) > 0 {
		t.Errorf("%d, %v", w.Code, r.asked)
	}
}
