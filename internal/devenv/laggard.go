package devenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Laggard makes the Vault behind it a standby that answers reads from its own copy, and that lags: it serves earlier
// versions, checks the cas of a write against its copy before it passes it on, and has not heard of new tokens. Safe for
// concurrent use.
type Laggard struct {
	next http.RoundTripper
	now  func() time.Time

	mu     sync.Mutex
	lag    time.Duration
	copies map[string]held
	tokens map[string]time.Time
	counts LaggardCounts
}

// LaggardCounts is how often a Laggard lagged.
type LaggardCounts struct {
	Stale   int // reads that got an earlier version
	Refused int // writes that it refused by its copy
	Unknown int // requests whose token it did not know
}

// held is an answer and when it was true.
type held struct {
	status int
	header http.Header
	body   []byte
	at     time.Time
}

// NewLaggard returns one that does not lag yet.
func NewLaggard(next http.RoundTripper) *Laggard {
	return &Laggard{
		next: next, now: time.Now, copies: map[string]held{}, tokens: map[string]time.Time{}, //nolint:forbidigo // lag is real time
	}
}

// Lag has it lag by d from now on; with 0 it catches up.
func (l *Laggard) Lag(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lag = d
}

// Counts returns how often it lagged.
func (l *Laggard) Counts() LaggardCounts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// RoundTrip implements http.RoundTripper.
func (l *Laggard) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.Contains(r.URL.Path, "/data/") {
		return l.next.RoundTrip(r)
	}
	if l.isNew(r.Header.Get("X-Vault-Token")) {
		return refusal(http.StatusForbidden, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n").response(r), nil
	}
	if r.Method != http.MethodGet {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if l.contradicts(r, body) {
			return refusal(http.StatusBadRequest, "check-and-set parameter did not match the current version").response(r), nil
		}
		return l.next.RoundTrip(r)
	}
	return l.read(r)
}

// read asks in any case, so that it knows whether what it answers is stale.
func (l *Laggard) read(r *http.Request) (*http.Response, error) {
	key := r.URL.RequestURI()
	l.mu.Lock()
	copied, ok := l.copies[key]
	l.mu.Unlock()
	resp, err := l.next.RoundTrip(r)
	if err != nil || resp.StatusCode >= http.StatusInternalServerError {
		return resp, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	now := held{resp.StatusCode, resp.Header, body, l.now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok && now.at.Sub(copied.at) < l.lag {
		if version(copied.body) != version(now.body) {
			l.counts.Stale++
		}
		return copied.response(r), nil
	}
	l.copies[key] = now
	return now.response(r), nil
}

func (h held) response(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: h.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h.header.Clone(), Request: r,
		Body: io.NopCloser(bytes.NewReader(h.body)), ContentLength: int64(len(h.body)),
	}
}

// isNew reports whether a token was first seen a moment ago.
func (l *Laggard) isNew(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, ok := l.tokens[token]
	if !ok {
		seen = l.now()
		l.tokens[token] = seen
	}
	unknown := l.now().Sub(seen) < min(l.lag, time.Second)
	if unknown {
		l.counts.Unknown++
	}
	return unknown
}

// contradicts reports whether the copy's version is another than a write expects.
func (l *Laggard) contradicts(r *http.Request, body []byte) bool {
	var write struct {
		Options struct {
			CAS int `json:"cas"`
		} `json:"options"`
	}
	if json.Unmarshal(body, &write) != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	copied, ok := l.copies[r.URL.RequestURI()]
	if !ok || l.now().Sub(copied.at) >= l.lag || version(copied.body) == write.Options.CAS {
		return false
	}
	l.counts.Refused++
	return true
}

// version is of a KV answer; 0 where there is nothing.
func version(body []byte) int {
	var kv struct {
		Data struct {
			Metadata struct{ Version int }
		}
	}
	_ = json.Unmarshal(body, &kv) // a refusal has none
	return kv.Data.Metadata.Version
}

func refusal(status int, text string) held {
	body := fmt.Appendf(nil, `{"errors":[%q]}`, text)
	return held{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}
