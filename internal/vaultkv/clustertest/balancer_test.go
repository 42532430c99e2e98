package clustertest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/devenv"
)

// balancer hands requests to the nodes in turn, as a load balancer without health checks does: it skips a node that
// cannot be reached, and leaves a broken connection to the client. The last node lags.
type balancer struct {
	nodes   []*devenv.Vault
	lag     *devenv.Laggard // before the last node
	turn    atomic.Int64
	forward http.RoundTripper
}

// newBalancer returns the balancer's address.
func newBalancer(t *testing.T, nodes []*devenv.Vault, lag time.Duration) (*balancer, string) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}
	b := &balancer{nodes: nodes, forward: transport, lag: devenv.NewLaggard(transport)}
	b.lag.Lag(lag)
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
		via := b.forward
		if at == len(b.nodes)-1 {
			via = b.lag
		}
		err := pass(w, r, via, b.nodes[at].Addr, body)
		if err == nil {
			return
		}
		if op := (*net.OpError)(nil); !errors.As(err, &op) || op.Op != "dial" {
			break // it may have arrived
		}
	}
	panic(http.ErrAbortHandler)
}

// pass passes a request on to a node, and its answer back.
func pass(w http.ResponseWriter, r *http.Request, via http.RoundTripper, addr string, body []byte) error {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, addr+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = r.Header.Clone()
	resp, err := via.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, err = w.Write(text)
	return err
}
