package vaultkv

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/hashicorp/vault/api"
)

const (
	// readRetries is how often a read is sent again after a connection error or a 5xx.
	readRetries  = 2
	minRetryWait = 100 * time.Millisecond
	maxRetryWait = time.Second
	// idleConnections is above the number of rotations that one worker has under way.
	idleConnections = 256
)

// newPool makes the way to one Vault. Each call has a connection of its own (no HTTP/2), so that a stalled one holds
// up nobody else.
func newPool(caFile string) (*http.Client, error) {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConns:          0,
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("CA file: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA file %s holds no PEM certificate", caFile)
		}
	}
	return &http.Client{
		Transport: transport,
		// Vault's client follows a standby's redirect itself, once and never to a weaker scheme.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// newClient makes a client from config alone. Vault's own NewClient listens to VAULT_TOKEN and its like, which on an
// operator's machine belong to another Vault.
func newClient(config StoreConfig, pool *http.Client) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address:        config.Address,
		HttpClient:     pool,
		MinRetryWait:   minRetryWait,
		MaxRetryWait:   maxRetryWait,
		MaxRetries:     readRetries,
		Backoff:        retryablehttp.RateLimitLinearJitterBackoff,
		ReadYourWrites: true, // Enterprise standbys answer reads, and may lag behind our own write
	})
	if err != nil {
		return nil, err
	}
	client.ClearToken()
	client.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	if config.Namespace != "" {
		client.SetNamespace(config.Namespace)
	}
	return client, nil
}

// withRetries returns a client that shares base's connections, and retries so many times. Its time limit is the
// context's.
func withRetries(base *api.Client, retries int) (*api.Client, error) {
	client, err := base.CloneWithHeaders()
	if err != nil {
		return nil, err
	}
	client.ClearToken()
	client.SetMaxRetries(retries)
	return client, nil
}
