package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestContactsAreAskedByAWorkerAndShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	text := r.serve(h, request(t, http.MethodGet, "/v1/verifications", "viewer", "")).Body.String()
	if !strings.Contains(text, `"address":"ann@example.com","result":"failed"`) || !strings.Contains(text, `"address":"bob@example.com","result":"not asked yet"`) {
		t.Errorf("%s", text)
	}
	w := r.serve(h, request(t, http.MethodPost, "/v1/verifications/owners/verify", "operator", ""))
	want := []string{"job contacts of owners by operator@console", "event verify-contacts at mail by operator@console"}
	if w.Code != http.StatusAccepted || !slices.Equal(r.asked, want) {
		t.Errorf("%d %s, %v", w.Code, w.Body, r.asked)
	}
	cookie, csrf := loggedIn(t, r, h, "operator")
	if w := r.serve(h, form(t, "/contacts/owners", cookie, url.Values{"csrf": {csrf}})); w.Code != http.StatusSeeOther || len(r.asked) != 4 {
		t.Errorf("%d, %v", w.Code, r.asked)
	}
}
