package vaultkv

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"keyturn/internal/certs"
)

// idleConnections is above the number of rotations that one worker has under way.
const idleConnections = 256

// wire makes the connections to one Vault. It trusts what the CA file holds now, so that renewing the file needs no
// restart.
type wire struct {
	caFile string

	mu      sync.Mutex
	inForce *http.Transport
	seen    os.FileInfo // of the CA file; nil without one
	problem error       // why its newest state is ignored; what was read before still counts
}

func newWire(caFile string) (*wire, error) {
	w := &wire{caFile: caFile, inForce: newTransport(nil)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refresh()
	return w, w.problem
}

// transport returns connections that trust the CA file as it is now.
func (w *wire) transport() *http.Transport {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refresh()
	return w.inForce
}

// fault says why the CA file is ignored as it is now, nil if it is not.
func (w *wire) fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refresh()
	return w.problem
}

// refresh reads the CA file if it was replaced. Checking that costs microseconds.
func (w *wire) refresh() {
	if w.caFile == "" {
		return
	}
	now, err := os.Stat(w.caFile)
	if err != nil {
		w.problem = fmt.Errorf("CA file: %w", err)
		return
	}
	if w.seen != nil && os.SameFile(now, w.seen) && now.ModTime().Equal(w.seen.ModTime()) && now.Size() == w.seen.Size() {
		return
	}
	pool, err := certs.Pool(w.caFile)
	if err == nil || errors.Is(err, certs.ErrNone) {
		w.seen = now
	}
	if err != nil {
		w.problem = fmt.Errorf("CA file: %w", err)
		return
	}
	w.inForce.CloseIdleConnections()
	w.inForce, w.problem = newTransport(pool), nil
}

// newTransport makes connections that trust roots; nil means the system's. Each call has its own connection (no
// HTTP/2), so that a stalled call delays no other.
func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    idleConnections,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
