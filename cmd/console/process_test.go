package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/operate"
	"keyturn/internal/sandbox/core"
)

func TestTheConsoleShowsTheStatesThatVaultHas(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	good, never, lost, doubted := s.SES("good"), s.Kirim("never", "first: manual"), s.SES("lost"), s.SES("doubted")
	s.Fault(lost, core.NotFound)
	s.Fault(doubted, core.ServerError, func(f *core.Fault) { f.When, f.Count = core.Before, -1 })
	s.Configure(apptest.Settings{Top: withConsole("")})
	w := open(t, s)
	s.Start("worker")
	s.Start("scheduler")
	s.Until("it is rotated", func() bool { return s.Settled(good, 1) })
	want := map[string]operate.State{good.ID: operate.Healthy, never.ID: operate.Waiting, doubted.ID: operate.InDoubt, lost.ID: operate.Quarantined}
	for id, state := range want {
		c := s.Creds[slices.IndexFunc(s.Creds, func(c apptest.Credential) bool { return c.ID == id })]
		s.Until(id+" is shown "+string(state), func() bool { return w.row(c).State == state })
	}
	s.Box.ClearFaults()
	s.Until("no doubt is left", func() bool { return s.Settled(doubted, 1) && w.row(doubted).State == operate.Healthy })
	out, status := s.Ctl("status", "-o", "json", good.ID, never.ID, doubted.ID, lost.ID)
	if status != 0 {
		t.Fatal(out)
	}
	var rows []operate.Row
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 4 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, in := range rows {
		var shown operate.Found
		w.call(http.MethodGet, "/v1/credentials?q="+in.Credential, viewer, "", &shown)
		if len(shown.Rows) != 1 {
			t.Fatalf("%s: %+v", in.Credential, shown)
		}
		got := shown.Rows[0]
		if got.State != in.State || got.Version != in.Version || got.Verified != in.Verified || got.Manual != in.Manual || (got.Due == nil) != (in.Due == nil) {
			t.Errorf("the console shows %+v, rotatectl %+v", got, in)
		}
		if in.RotatedAt != nil && (got.RotatedAt == nil || got.RotatedAt.Sub(*in.RotatedAt).Abs() > time.Minute) {
			t.Errorf("%s: rotated at %v, and shown as %v", in.Credential, in.RotatedAt, got.RotatedAt)
		}
	}
}

func TestAnOperatorRotatesThroughTheAPI(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("one")
	s.Configure(apptest.Settings{Top: withConsole("")})
	w := open(t, s)
	s.Start("worker")
	s.Start("scheduler")
	s.Until("it is rotated", func() bool { return s.Settled(c, 1) })
	path := "/v1/credentials/" + c.ID + "/rotate"
	if status, text := w.call(http.MethodPost, path, viewer, "", nil); status != http.StatusForbidden {
		t.Errorf("a viewer rotates: %d %s", status, text)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path+"?wait_seconds=30", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+operator)
	req.Header.Set("Idempotency-Key", "once")
	var verdict operate.Verdict
	if status, text := w.send(req, &verdict); status != http.StatusAccepted || verdict.Outcome != operate.Rotated {
		t.Fatalf("%d %s", status, text)
	}
	if !s.Settled(c, 2) {
		t.Error("it is not rotated")
	}
	var again operate.Verdict
	if status, text := w.send(req, &again); status != http.StatusAccepted || again.Asked != verdict.Asked || s.Current(c).Version != 2 {
		t.Errorf("sent again it is %d %s", status, text)
	}
	if row := w.row(c); len(row.Events) < 2 || row.Events[0].AskedBy != "acts@console" || !slices.Contains(row.Can, "rotate") == slices.Contains(row.Can, "abandon") {
		t.Errorf("%+v", row)
	}
	if status, _ := w.call(http.MethodPost, "/v1/credentials/unknown/rotate", operator, "", nil); status != http.StatusNotFound {
		t.Errorf("an unknown one: %d", status)
	}
}

func TestAPersonLogsInSeesEveryPageAndRotates(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("one")
	s.Configure(apptest.Settings{Top: withConsole("")})
	w := open(t, s)
	s.Start("worker")
	s.Start("scheduler")
	s.Until("it is rotated", func() bool { return s.Settled(c, 1) })
	if status, text := w.call(http.MethodGet, "/", "", "", nil); status != http.StatusOK || !strings.Contains(text, "Log in") {
		t.Errorf("a stranger sees %d %s", status, text)
	}
	if status, text := w.form("/login", url.Values{"token": {"wrong"}}); status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d %s", status, text)
	}
	if status, text := w.form("/login", url.Values{"token": {operator}, "next": {"/credentials/" + c.ID}}); status != http.StatusOK || !strings.Contains(text, c.Target) {
		t.Fatalf("after the login: %d %s", status, text)
	}
	pages := map[string]string{
		"/": "Nothing needs you. 1 of 1 healthy.", "/credentials?q=ONE": c.ID, "/credentials/" + c.ID: "Rotate now", "/events": "rotated", "/work": "Nothing needs you",
		"/plan": "The rates suffice", "/freezes": "Until: so long from now", "/contacts": "has no <code>verifications</code>",
	}
	secrets := []string{s.Current(c).Password, operator, digest(operator)}
	csrf := ""
	for page, want := range pages {
		status, text := w.call(http.MethodGet, page, "", "", nil)
		if status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s lacks %q: %d %s", page, want, status, text)
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a secret", page)
			}
		}
		if found := csrfField.FindStringSubmatch(text); found != nil {
			csrf = found[1]
		}
	}
	if status, _ := w.form("/credentials/"+c.ID+"/rotate", url.Values{"csrf": {"guess"}}); status != http.StatusForbidden {
		t.Errorf("a form of another session: %d", status)
	}
	if status, text := w.form("/credentials/"+c.ID+"/rotate", url.Values{"csrf": {csrf}}); status != http.StatusOK || !strings.Contains(text, "Rotate now: asked for") {
		t.Errorf("%d %s", status, text)
	}
	s.Until("it is rotated again", func() bool { return s.Settled(c, 2) })
	if status, text := w.form("/logout", url.Values{"csrf": {csrf}}); status != http.StatusOK || !strings.Contains(text, "Log in") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := w.call(http.MethodGet, "/v1/fleet", "", "", nil); status != http.StatusUnauthorized {
		t.Errorf("after the logout: %d", status)
	}
}

func TestAStreamTellsWhatHappensAndGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("one")
	s.Configure(apptest.Settings{Top: withConsole("")})
	w := open(t, s)
	s.Start("worker")
	s.Start("scheduler")
	s.Until("it is rotated", func() bool { return s.Settled(c, 1) })
	next := func(after string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/events/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+viewer)
		req.Header.Set("Last-Event-ID", after)
		res, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var seen bytes.Buffer
		for part := make([]byte, 1024); !strings.Contains(seen.String(), "data: "); {
			n, err := res.Body.Read(part)
			if seen.Write(part[:n]); err != nil {
				t.Fatalf("%v: %s", err, seen.String())
			}
		}
		return seen.String()
	}
	first := next("0-0")
	if !strings.Contains(first, "event: rotated\ndata: {") || !strings.Contains(first, c.ID) {
		t.Fatalf("%s", first)
	}
	_, id, _ := strings.Cut(first, "id: ")
	id, _, _ = strings.Cut(id, "\n")
	if _, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
		t.Fatal("it is not rotated")
	}
	if second := next(id); !strings.Contains(second, "event: rotated\n") || strings.Contains(second, "id: "+id+"\n") {
		t.Errorf("%s", second)
	}
}
