package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"keyturn/internal/devenv"
)

const (
	// refuses is the share of the messages that the receiver answers with 503, while the fleet is disturbed.
	refuses = 0.2
	// toldLimit bounds the wait for what is still to be told: a delivery that failed before the calm comes back within its pause,
	// which is as long as its event is old.
	toldLimit = 4 * time.Minute

	hookKey    = "0123456789abcdef01234567"
	hookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
)

// receiver is what keyturn tells of everything that happens.
type receiver struct {
	URL    string
	server http.Server

	mu     sync.Mutex
	calm   bool
	ids    map[string]bool // of messages
	told   map[string]bool // type and rotation
	order  map[string]int  // the version of the last rotation that was told the first time, by credential
	forged int
	behind int // rotations that were told the first time after a later one
}

// newReceiver listens until it is closed.
func newReceiver(ctx context.Context, dir string, write func(name, text string) (string, error)) (*receiver, error) {
	if _, err := write("whsec", hookSecret); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "whsec"), err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{URL: "http://" + l.Addr().String(), ids: map[string]bool{}, told: map[string]bool{}, order: map[string]int{}}
	r.server = http.Server{Handler: http.HandlerFunc(r.receive), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

func (r *receiver) close() error { return r.server.Close() }

// settle ends the refusals.
func (r *receiver) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calm = true
}

func (r *receiver) receive(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 64<<10))
	mac := hmac.New(sha256.New, []byte(hookKey))
	mac.Write([]byte(req.Header.Get("webhook-id") + "." + req.Header.Get("webhook-timestamp") + "."))
	mac.Write(body)
	var m struct {
		Type string
		Data struct {
			Credential string
			RotationID string `json:"rotation_id"`
			Version    int
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || json.Unmarshal(body, &m) != nil || req.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		r.forged++
		return
	}
	if !r.calm && rand.Float64() < refuses { //nolint:gosec // a fault, and no secret
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	key := told(m.Type, m.Data.RotationID)
	if m.Type == "rotated" && !r.told[key] {
		if later := r.order[m.Data.Credential]; m.Data.Version < later {
			fmt.Printf("chaos: %s: told of version %d after version %d, rotation %s\n", m.Data.Credential, m.Data.Version, later, m.Data.RotationID)
			r.behind++
		}
		r.order[m.Data.Credential] = m.Data.Version
	}
	r.ids[req.Header.Get("webhook-id")], r.told[key] = true, true
}

func told(kind, rotation string) string { return kind + " " + rotation }

func (r *receiver) has(kind, rotation string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told[told(kind, rotation)]
}

// judgeTold waits until the receiver was told of all that still holds, and counts what it was not told of.
func (s *stage) judgeTold(ctx context.Context, w *watcher, r *result) error {
	for began := time.Now(); len(s.untold(w)) > 0 && time.Since(began) < toldLimit; {
		if err := devenv.Pause(ctx, watchInterval); err != nil {
			return err
		}
	}
	missing := s.untold(w)
	for _, what := range missing {
		fmt.Println("chaos: not told of:", what)
	}
	r.webhooksMissing = len(missing)
	w.mu.Lock()
	defer w.mu.Unlock()
	for rotation := range w.promoted {
		if !s.receiver.has("rotated", rotation) {
			r.lostInFlush++
		}
	}
	s.receiver.mu.Lock()
	defer s.receiver.mu.Unlock()
	r.events, r.forged, r.behind = len(s.receiver.ids), s.receiver.forged, s.receiver.behind
	r.lostInFlush -= min(r.lostInFlush, len(missing))
	return nil
}

// untold are the credentials of whose last rotation, or quarantine, the receiver does not know.
func (s *stage) untold(w *watcher) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range s.fleet {
		rec, last := w.newest[c.ID], w.latest[c.ID]
		switch {
		case rec.State == "quarantined" && !s.receiver.has("quarantined", rec.RotationID):
			all = append(all, "the quarantine of "+c.ID+", rotation "+rec.RotationID)
		case rec.State != "quarantined" && last != "" && !s.receiver.has("rotated", last):
			all = append(all, "the rotation "+last+" of "+c.ID)
		}
	}
	return all
}
