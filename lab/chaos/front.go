package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keyturn/internal/devenv"
)

// front is a load balancer before two nodes of Vault: every other request goes to the standby. It counts the requests for
// each secret that Vault answered: what it did not, the client repeats beneath keyturn's own calls.
type front struct {
	addr    string // base URL
	server  *http.Server
	direct  *http.Transport
	standby *devenv.Laggard
	turn    atomic.Int64

	mu       sync.Mutex
	requests map[string]int // by MOUNT/data/PATH
}

// newFront starts one before the Vault at a base URL.
func newFront(ctx context.Context, vault string) (*front, error) {
	upstream, err := url.Parse(vault)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{addr: "http://" + listener.Addr().String(), requests: map[string]int{}}
	f.direct = &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}
	f.standby = devenv.NewLaggard(f.direct)
	f.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport: f,
		// A node that dies leaves a broken connection to its client, no answer.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	go func() { _ = f.server.Serve(listener) }() // until close
	return f, nil
}

// RoundTrip implements http.RoundTripper.
func (f *front) RoundTrip(r *http.Request) (*http.Response, error) {
	path, node := strings.TrimPrefix(r.URL.Path, "/v1/"), http.RoundTripper(f.direct)
	if f.turn.Add(1)%2 == 0 {
		node = f.standby
	}
	resp, err := node.RoundTrip(r)
	if err == nil && resp.StatusCode < http.StatusInternalServerError && resp.StatusCode != http.StatusForbidden {
		f.mu.Lock()
		f.requests[path]++
		f.mu.Unlock()
	}
	return resp, err
}

// count is how many requests were answered for a secret and its journal.
func (f *front) count(c credential) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests["secret/data/"+c.Path] + f.requests[devenv.JournalPath(c.ID)]
}

func (f *front) close() error {
	defer f.direct.CloseIdleConnections()
	return f.server.Close()
}
