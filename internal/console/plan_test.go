package console_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/console"
)

func TestAPlanThatTakesLongIsWorkedOutBesideTheRequestsThatAskForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.looking = make(chan struct{})
		h := r.Handler()
		began := time.Now()
		ask := func() (int, string, string) {
			w := r.serve(h, request(t, http.MethodGet, "/v1/plan", "viewer", ""))
			return w.Code, w.Header().Get("Retry-After"), w.Body.String()
		}
		for range 3 {
			if code, after, text := ask(); code != http.StatusServiceUnavailable || after != "5" || !strings.Contains(text, "is being worked out") {
				t.Fatalf("%d, %q: %s", code, after, text)
			}
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("three requests took %s", took)
		}
		if w := r.serve(h, request(t, http.MethodGet, "/plan", "viewer", "")); w.Code != http.StatusOK || w.Header().Get("Refresh") == "" || !strings.Contains(w.Body.String(), "loads itself again") {
			t.Errorf("the page: %d %s", w.Code, w.Body)
		}
		close(r.looking)
		synctest.Wait()
		code, _, text := ask()
		var p console.Planned
		if err := json.Unmarshal([]byte(text), &p); err != nil || code != http.StatusOK || len(p.Accounts) != 1 || !p.At.Equal(began) || len(p.Accounts[0].Days) != 30 {
			t.Fatalf("%d, %v: %s", code, err, text)
		}
		if p.Accounts[0].Credentials != 1 || !p.Accounts[0].RateSuffices {
			t.Errorf("%+v", p.Accounts[0])
		}
	})
}

func TestPlansThatAreWorkedOutAreFewAndEndWithTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.looking = make(chan struct{})
		h := r.Handler()
		ask := func(days string) string {
			return r.serve(h, request(t, http.MethodGet, "/v1/plan?days="+days, "viewer", "")).Body.String()
		}
		ask("10")
		ask("20")
		if text := ask("30"); !strings.Contains(text, "waits for others") {
			t.Errorf("a third one: %s", text)
		}
		<-time.After(3 * time.Minute)
		synctest.Wait()
		if text := ask("30"); strings.Contains(text, "waits for others") {
			t.Errorf("after their time: %s", text)
		}
		close(r.looking)
		synctest.Wait()
	})
}

func TestAPlanSupposesWhatIsAskedAndSavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.Handler()
	perDay := func(query string) (due, canGo float64) {
		w := r.serve(h, request(t, http.MethodGet, "/v1/plan?account=mail"+query, "viewer", ""))
		var p console.Planned
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || len(p.Accounts) != 1 {
			t.Fatalf("%s: %d, %v: %s", query, w.Code, err, w.Body)
		}
		return p.Accounts[0].DuePerDay, p.Accounts[0].CanGoPerDay
	}
	if due, canGo := perDay(""); due < 0.9 || due > 1 || canGo < 80_000 {
		t.Errorf("as it is, %f of %f", due, canGo)
	}
	if due, canGo := perDay("&rate=10/h&every=12h"); due < 1.8 || due > 2 || canGo > 240 {
		t.Errorf("as supposed, %f of %f", due, canGo)
	}
	if due, canGo := perDay(""); due < 0.9 || due > 1 || canGo < 80_000 {
		t.Errorf("afterwards, %f of %f", due, canGo)
	}
	page := r.serve(h, request(t, http.MethodGet, "/plan?account=mail&rate=1/2d", "viewer", "")).Body.String()
	for _, want := range []string{"The rate of account mail does not suffice.", "Nothing is saved", "<polyline", "As a table"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s: %s", want, page)
		}
	}
}
