package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Timeout is the longest that one delivery takes.
const Timeout = 15 * time.Second

const (
	maxAnswer = 64 << 10 // bytes that are read of an answer, so that its connection can be used again
	perHost   = 16
)

// ErrRefused is an answer after which a message must not be sent again: 410 Gone, as Standard Webhooks has it.
var ErrRefused = errors.New("the receiver wants no more messages (410 Gone)")

// Message is one event on its way.
type Message struct {
	ID   string // the same each time that it is sent
	Body []byte // JSON
}

// Client sends messages. Safe for concurrent use.
type Client struct {
	http *http.Client
	now  func() time.Time
}

// NewClient makes a client that trusts roots; nil: those of the system.
func NewClient(roots *x509.CertPool, now func() time.Time) *Client {
	return &Client{now: now, http: &http.Client{
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, MaxConnsPerHost: perHost, MaxIdleConnsPerHost: perHost,
			IdleConnTimeout: time.Minute, TLSHandshakeTimeout: Timeout, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: maxAnswer,
		},
	}}
}

// Close ends the connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Send sends a message once, signed with key. Any answer of 200 to 299 is success; all others are errors, a redirect too, which is
// not followed.
func (c *Client) Send(ctx context.Context, to *url.URL, key []byte, m Message) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(m.Body))
	if err != nil {
		return errors.New("the address is no address") // err has it
	}
	at := c.now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "keyturn")
	req.Header.Set("Webhook-Id", m.ID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Webhook-Signature", sign(key, m.ID, at, m.Body))
	resp, err := c.http.Do(req)
	if err != nil {
		return bare(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusGone:
		return ErrRefused
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fmt.Errorf("the receiver answers with a redirect (%d), which is not followed: give the address that it leads to", resp.StatusCode)
	default:
		return fmt.Errorf("the receiver answers %d", resp.StatusCode)
	}
}

// bare is an error of net/http's without the address.
func bare(err error) error {
	var whole *url.Error
	if errors.As(err, &whole) {
		if whole.Timeout() {
			return fmt.Errorf("the receiver did not answer within %s", Timeout)
		}
		err = whole.Err
	}
	var reached *net.OpError
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &reached) || errors.As(err, &certificate) {
		return err
	}
	return fmt.Errorf("the request failed (%T)", err) // its text may have the address, or that of a proxy
}
