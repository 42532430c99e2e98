package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/console"
	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// neverRotated is a rig whose credential waits for a person to rotate it for the first time.
func neverRotated(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.cred.First, r.standing = rotation.FirstManual, due.Standing{Shown: due.Shown{Known: true}}
	return r
}

var rotatesMany = []string{"job rotate of alerts by operator@console", "event rotations at mail by operator@console"}

func TestRotationsThatSurpriseAreConfirmedByTheirNumber(t *testing.T) {
	t.Parallel()
	r := neverRotated(t)
	h := r.Handler()
	var p console.Prospect
	w := r.serve(h, request(t, http.MethodPost, "/v1/rotations/estimate", "viewer", `{"account": "mail"}`))
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Credentials != 1 || !p.Confirm || len(p.Accounts) != 1 || !slices.Equal(p.Accounts[0].Never, []string{"alerts"}) {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for _, body := range []string{`{"account": "mail"}`, `{"account": "mail", "confirm": 2}`} {
		if w := r.serve(h, request(t, http.MethodPost, "/v1/rotations", "operator", body)); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "1 credentials, 1 of which were never rotated") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if len(r.asked) > 0 {
		t.Fatalf("%v", r.asked)
	}
	send := func() string {
		w := r.serve(h, with(request(t, http.MethodPost, "/v1/rotations", "operator", `{"account": "mail", "confirm": 1}`), "Idempotency-Key", "k"))
		if w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), `"asked":1`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		return w.Header().Get("Idempotent-Replayed")
	}
	if first, second := send(), send(); first != "" || second != "true" || !slices.Equal(r.asked, rotatesMany) {
		t.Errorf("%q, %q, %v", first, second, r.asked)
	}
	if lines := strings.Count(r.log.String(), `"operation":"rotations","about":"account mail","by":"operator","role":"operator","from":"192.0.2.1","outcome":"asked"`); lines != 1 {
		t.Errorf("%d lines of the audit:\n%s", lines, r.log.String())
	}
}

func TestRotationsThatDoNotSurpriseNeedNoMoreThanARequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.serve(r.Handler(), request(t, http.MethodPost, "/v1/rotations", "operator", `{"credentials": ["alerts"]}`))
	if w.Code != http.StatusAccepted || !slices.Equal(r.asked, rotatesMany) {
		t.Errorf("%d %s, %v", w.Code, w.Body, r.asked)
	}
}

func TestAPageShowsWhatRotationsWillBeLikeBeforeItAsksForThemOnce(t *testing.T) {
	t.Parallel()
	r := neverRotated(t)
	h := r.Handler()
	cookie, csrf := loggedIn(t, r, h, "operator")
	chosen := url.Values{"csrf": {csrf}, "id": {"alerts"}}
	w := r.serve(h, form(t, "/rotations", cookie, chosen))
	for _, want := range []string{"Rotate 1 credential?", "1 was never rotated", `<a href="/credentials/alerts">alerts</a>`, `name="confirm" value="1"`} {
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d lacks %s: %s", w.Code, want, w.Body)
		}
	}
	if len(r.asked) > 0 {
		t.Fatalf("%v", r.asked)
	}
	key := regexp.MustCompile(`name="key" value="([^"]+)"`).FindStringSubmatch(w.Body.String())
	if key == nil {
		t.Fatalf("%s", w.Body)
	}
	chosen.Set("key", key[1])
	chosen.Set("confirm", "1")
	for range 2 { // it is loaded again
		if w := r.serve(h, form(t, "/rotations", cookie, chosen)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "1 rotation is asked for") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if !slices.Equal(r.asked, rotatesMany) {
		t.Errorf("%v", r.asked)
	}
	viewer, token := loggedIn(t, r, h, "operator")
	r.Tokens = func(console.Digest) (string, console.Role, bool) { return "viewer", console.Viewer, true }
	if w := r.serve(h, form(t, "/rotations", viewer, url.Values{"csrf": {token}, "id": {"alerts"}})); w.Code != http.StatusForbidden {
		t.Errorf("a viewer: %d", w.Code)
	}
}
