package httpx

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"keyturn/internal/rotation"
)

// BodyLimit is the longest reply that is read, in bytes. A longer one is in doubt.
const BodyLimit = 1 << 20

// Client calls one provider with one account's settings. It is safe for concurrent use.
type Client struct {
	// Now is the clock that durations are measured with.
	Now func() time.Time
	// Endpoint is the checked base URL. It must not be modified.
	Endpoint *url.URL

	provider  string
	timeout   time.Duration
	quotaPer  time.Duration
	transport http.RoundTripper
	ahead     atomic.Int64 // nanoseconds by which Now is ahead of the provider's clock, once it has complained
}

// SignTime is the time to sign a request with: by this machine's clock, or by the provider's own where that has refused a
// request for its time.
func (c *Client) SignTime() time.Time { return c.Now().Add(-time.Duration(c.ahead.Load())) }

// maxAhead is more than any time zone is mistaken for another.
const maxAhead = 26 * time.Hour

// correct has requests signed by the provider's clock from now on, and reports whether that makes a difference. A provider
// whose own clock is that wrong would refuse them again.
func (c *Client) correct(ahead time.Duration) bool {
	if ahead.Abs() >= maxAhead {
		return false
	}
	before := time.Duration(c.ahead.Swap(int64(ahead)))
	return (ahead - before).Abs() > time.Minute
}

// New checks s against what p needs (endpoint, region, keys, time-out) and returns a client.
func New(p rotation.Provider, s rotation.Settings, use Connections) (*Client, error) {
	endpoint, err := checkSettings(p, s)
	if err != nil {
		return nil, err
	}
	return &Client{
		Now:       rotation.WallClock{}.Now,
		Endpoint:  endpoint,
		provider:  p.Code,
		timeout:   s.Timeout,
		quotaPer:  p.QuotaPer,
		transport: transport(s.Transport, s.CA, use),
	}, nil
}

// Do sends r once and returns whatever the provider answered, with any status; redirects are answers too. Every error
// is a *rotation.Error of kind NotSent or InDoubt. If an answer broke off or is too long, the part that arrived is
// returned beside the error: it proves nothing, but it may show a password.
func (c *Client) Do(ctx context.Context, r Request) (*Reply, error) {
	if err := cmp.Or(ctx.Err(), r.check()); err != nil {
		return nil, c.fail(r.Op, rotation.NotSent, err)
	}
	callCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	var proof connProof
	start := c.Now()
	reply, err := c.roundTrip(proof.watch(callCtx), r)
	observed := Observation{Provider: c.provider, Op: r.Op, Duration: c.Now().Sub(start)}
	if reply != nil {
		observed.Status, observed.Quota = reply.Status, quota(reply.Header, c.quotaPer)
	}
	observe(ctx, observed)

	switch {
	case err == nil:
		return reply, nil
	case proof.notSent(c.transport):
		return nil, c.fail(r.Op, rotation.NotSent, publicCause(callCtx, err))
	default:
		return reply, c.fail(r.Op, rotation.InDoubt, publicCause(callCtx, err))
	}
}

// CloseIdleConnections closes what a Pooled client keeps open. The client stays usable.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// roundTrip goes to the transport directly: http.Client would follow redirects and quote the URL in its errors. The
// request has no GetBody, so that net/http cannot send a body a second time (see Connections). Beside an error, the
// reply holds the part that arrived.
func (c *Client) roundTrip(ctx context.Context, r Request) (*Reply, error) {
	header := r.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("User-Agent", "keyturn")
	req := (&http.Request{
		Method:        r.Method,
		URL:           r.URL,
		Host:          r.URL.Host,
		Header:        header,
		ContentLength: int64(len(r.Body)),
	}).WithContext(ctx)
	if len(r.Body) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(r.Body))
	}

	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	reply := &Reply{client: c, op: r.Op, received: c.Now(), Status: resp.StatusCode, Header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, BodyLimit+1))
	reply.Body = body[:min(len(body), BodyLimit)]
	if err == nil && len(body) > BodyLimit {
		err = errTooLong
	}
	return reply, err
}

func (c *Client) fail(op string, kind rotation.Kind, cause error) *rotation.Error {
	return &rotation.Error{Kind: kind, Provider: c.provider, Op: op, Err: cause}
}

// checkSettings reports what keeps s from being used with p, one problem at a time.
func checkSettings(p rotation.Provider, s rotation.Settings) (*url.URL, error) {
	endpoint, err := ParseEndpoint(s.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Code, err)
	}
	if err := checkRegion(p, s.Region); err != nil {
		return nil, err
	}
	for _, name := range p.Keys {
		if s.Keys[name].IsZero() {
			return nil, fmt.Errorf("%s: key %q is missing", p.Code, name)
		}
		if err := s.Keys[name].CheckHeader(); err != nil {
			return nil, fmt.Errorf("%s: key %q: %w", p.Code, name, err)
		}
	}
	if s.Timeout <= 0 {
		return nil, fmt.Errorf("%s: the timeout of a call must be above 0, not %v", p.Code, s.Timeout)
	}
	return endpoint, nil
}
