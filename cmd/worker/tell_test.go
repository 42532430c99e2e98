package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

const hookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"

// receiver is a web server that checks signatures.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	status int
	got    []message
	forged int
}

type message struct {
	ID        string `json:"-"`
	Type      string
	Timestamp string
	Data      struct {
		ID, Credential, Account, Owner string
		Version                        int
		RotationID                     string `json:"rotation_id"`
		Again                          bool
	}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) receive(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	mac := hmac.New(sha256.New, []byte("0123456789abcdef01234567"))
	mac.Write([]byte(req.Header.Get("webhook-id") + "." + req.Header.Get("webhook-timestamp") + "."))
	mac.Write(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	m := message{ID: req.Header.Get("webhook-id")}
	if json.Unmarshal(body, &m) != nil || req.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		r.forged++
	}
	if r.status == http.StatusNoContent {
		r.got = append(r.got, m)
	}
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// of are the messages about a credential, in the order in which they came.
func (r *receiver) of(t *testing.T, c apptest.Credential) (types []string, all []message) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forged > 0 {
		t.Fatalf("%d messages are not what was signed", r.forged)
	}
	for _, m := range r.got {
		if m.Data.Credential == c.ID {
			types, all = append(types, m.Type), append(all, m)
		}
	}
	return types, all
}

func (r *receiver) config(more string) string {
	return "webhooks:\n  ops: {url: \"" + r.URL + "/secret-path\", secret: {file: whsec}" + more + "}\n"
}

func TestAReceiverHearsOfRotationsInTheirOrderThoughItWasAway(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.Kirim("told", "first: manual", "owner: payments")
	r := newReceiver(t)
	s.WriteFile("whsec", hookSecret)
	s.Configure(apptest.Settings{Top: r.config("")})
	w := s.Start("worker")
	s.Start("scheduler")
	r.answer(http.StatusServiceUnavailable)
	for n := 1; n <= 2; n++ {
		if out, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
			t.Fatalf("%d: %s", status, out)
		}
	}
	w.Logged("the receiver answers 503")
	r.answer(http.StatusNoContent)
	s.Until("it has heard of both", func() bool { types, _ := r.of(t, c); return len(types) >= 2 })
	types, all := r.of(t, c)
	if !slices.Equal(types, []string{"rotated", "rotated"}) || all[0].Data.Version != 1 || all[1].Data.Version != 2 || all[0].Data.Owner != "payments" || all[0].ID == all[1].ID {
		t.Errorf("%+v", all)
	}
	if strings.Contains(w.Output(), "secret-path") {
		t.Error("the address is in the log")
	}
}

func TestAfterRedisWasEmptiedAReceiverHearsAgainOfWhatStillHolds(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.Kirim("told", "first: manual")
	r := newReceiver(t)
	s.WriteFile("whsec", hookSecret)
	s.Configure(apptest.Settings{Top: r.config("")})
	s.Start("worker")
	s.Start("scheduler")
	s.Ctl("rotate", c.ID, "--wait")
	s.Until("it has heard", func() bool { types, _ := r.of(t, c); return len(types) == 1 })
	flush(t, s)
	s.Until("it has heard again", func() bool { types, _ := r.of(t, c); return len(types) > 1 })
	_, all := r.of(t, c)
	if last := all[len(all)-1]; last.ID != all[0].ID || !last.Data.Again || last.Data.Version != 1 || last.Data.RotationID != all[0].Data.RotationID {
		t.Errorf("%+v, and then %+v", all[0], last)
	}
}

func TestWhatAReceiverRefusesForGoodIsListedAndSentAgainOnDemand(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("stuck", "first: manual")
	r := newReceiver(t)
	s.WriteFile("whsec", hookSecret)
	s.Configure(apptest.Settings{Top: r.config(", events: [quarantined, released]")})
	s.Start("worker")
	s.Start("scheduler")
	r.answer(http.StatusGone)
	s.Fault(c, core.Reject, hold)
	s.Ctl("rotate", c.ID)
	dead := ""
	s.Until("its story says what was not told", func() bool {
		out, _ := s.Ctl("explain", c.ID)
		return strings.Contains(out, "webhook.ops: events that wait: 0, given up: 1")
	})
	s.Until("it is given up", func() bool {
		dead, _ = s.Ctl("deliveries")
		return strings.Contains(dead, "webhook.ops: waiting: 0, given up: 1") && strings.Contains(dead, "410 Gone")
	})
	r.answer(http.StatusNoContent)
	if out, status := s.Ctl("deliveries", "resend", "webhook.ops", "--all"); status != 0 || !strings.Contains(out, "tried again: 1") {
		t.Errorf("%d: %s", status, out)
	}
	s.Until("it is told", func() bool { types, _ := r.of(t, c); return slices.Equal(types, []string{"quarantined"}) })
	for _, args := range [][]string{{"webhook.opps", "--all"}, {"webhook.ops"}, {"webhook.ops", "1-0"}, {"webhook.ops", "1-0", "--all"}} {
		if out, status := s.Ctl(append([]string{"deliveries", "resend"}, args...)...); status != 2 {
			t.Errorf("%v: %d: %s", args, status, out)
		}
	}
}

func TestACommandRunsAfterARotationWhereAWorkerHasItsDirectory(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.Kirim("told", "first: manual", "notify: [{command: reload}]")
	hooks := filepath.Join(s.Dir, "hooks")
	if err := os.Mkdir(hooks, 0o755); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(s.Dir, "ran")
	if err := os.WriteFile(filepath.Join(hooks, "reload"), []byte("#!/bin/sh\n/bin/cat >> "+ran+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Configure(apptest.Settings{})
	without := s.Start("worker")
	s.Start("scheduler")
	s.Ctl("rotate", c.ID, "--wait")
	s.Until("it waits", func() bool { out, _ := s.Ctl("deliveries"); return strings.Contains(out, "command.reload: waiting: 1") })
	if err := without.Stop(); err != nil {
		t.Error(err)
	}
	s.Start("worker", "-hook-dir", hooks)
	s.Until("it ran", func() bool { text, _ := os.ReadFile(ran); return len(text) > 0 })
	text, err := os.ReadFile(ran)
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Credential, Path, Rotation string
		Version                    int
	}
	if err := json.Unmarshal(text, &told); err != nil || told.Credential != c.ID || told.Path != c.Path || told.Version != 1 || told.Rotation == "" {
		t.Errorf("%v: %s", err, text)
	}
}

// flush empties Redis, which keyturn's own user may not.
func flush(t *testing.T, s *apptest.Stage) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	defer rdb.Close()
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}
