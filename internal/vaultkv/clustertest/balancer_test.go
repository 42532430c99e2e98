package clustertest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/devenv"
)

// balancer hands requests to the nodes in turn, as a load balancer without health checks does: it skips a node that
// cannot be reached, and leaves a broken connection to the client. The last node is a laggard.
type balancer struct {
	nodes   []*devenv.Vault
	lag     *laggard
	turn    atomic.Int64
	forward http.RoundTripper
}

// newBalancer returns the balancer's address.
func newBalancer(t *testing.T, nodes []*devenv.Vault, lag time.Duration) (*balancer, string) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}
	b := &balancer{nodes: nodes, forward: transport, lag: &laggard{lag: lag, copies: map[string]held{}, tokens: map[string]time.Time{}}}
	server := httptest.NewServer(b)
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	return b, server.URL
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	for range b.nodes {
		at := int(b.turn.Add(1)) % len(b.nodes)
		send := func() (*answer, error) { return b.send(r, b.nodes[at].Addr, body) }
		var a *answer
		if at == len(b.nodes)-1 {
			a, err = b.lag.answer(r, body, send)
		} else {
			a, err = send()
		}
		if err == nil {
			a.write(w)
			return
		}
		if op := (*net.OpError)(nil); !asDial(err, &op) {
			break
		}
	}
	panic(http.ErrAbortHandler)
}

// answer is one of a node's.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func (b *balancer) send(r *http.Request, addr string, body []byte) (*answer, error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, addr+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = r.Header.Clone()
	resp, err := b.forward.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return &answer{status: resp.StatusCode, header: resp.Header, body: text}, err
}

// laggard makes a node what a standby is that answers reads from its own copy, and that lags behind: it serves earlier
// versions, checks the cas of a write against its copy before it passes it on, and has not heard of new tokens.
type laggard struct {
	lag time.Duration

	mu      sync.Mutex
	copies  map[string]held
	tokens  map[string]time.Time
	stale   int // reads that got an earlier version
	refused int // writes that it refused by its copy
	unknown int // requests whose token it did not know
}

// held is an answer and when it was true.
type held struct {
	*answer
	at time.Time
}

func (l *laggard) answer(r *http.Request, body []byte, send func() (*answer, error)) (*answer, error) {
	if !strings.Contains(r.URL.Path, "/data/") {
		return send()
	}
	if l.isNew(r.Header.Get("X-Vault-Token")) {
		return refusal(http.StatusForbidden, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"), nil
	}
	if r.Method != http.MethodGet {
		if l.contradicts(r, body) {
			return refusal(http.StatusBadRequest, "check-and-set parameter did not match the current version"), nil
		}
		return send()
	}
	key := r.URL.RequestURI()
	l.mu.Lock()
	copied, ok := l.copies[key]
	l.mu.Unlock()
	now, err := send()
	if err != nil || now.status >= http.StatusInternalServerError {
		return now, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok && time.Since(copied.at) < l.lag {
		if !bytes.Equal(version(copied.body), version(now.body)) {
			l.stale++
		}
		return copied.answer, nil
	}
	l.copies[key] = held{now, time.Now()}
	return now, nil
}

// isNew reports whether a token was first seen a moment ago.
func (l *laggard) isNew(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, ok := l.tokens[token]
	if !ok {
		seen = time.Now()
		l.tokens[token] = seen
	}
	unknown := time.Since(seen) < min(l.lag, time.Second)
	if unknown {
		l.unknown++
	}
	return unknown
}

// contradicts reports whether the copy's version is another than a write expects.
func (l *laggard) contradicts(r *http.Request, body []byte) bool {
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
	if !ok || time.Since(copied.at) >= l.lag || string(version(copied.body)) == fmt.Sprint(write.Options.CAS) {
		return false
	}
	l.refused++
	return true
}

// version is of a KV answer, as text; "0" where there is nothing.
func version(body []byte) []byte {
	var kv struct {
		Data struct {
			Metadata struct{ Version int }
		}
	}
	_ = json.Unmarshal(body, &kv) // a refusal has none
	return fmt.Append(nil, kv.Data.Metadata.Version)
}

func refusal(status int, text string) *answer {
	body, _ := json.Marshal(map[string]any{"errors": []string{text}})
	return &answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

// catchUp ends the lag.
func (l *laggard) catchUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lag = 0
}

// asDial reports whether no connection was made.
func asDial(err error, op **net.OpError) bool { return errors.As(err, op) && (*op).Op == "dial" }
