package vaultkv

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// maxList bounds a list in bytes, maxAnswer everything else: refusals and logins too. The longest folder of journals
	// and the largest secret that Vault takes by default are far smaller.
	maxList   = 32 << 20
	maxAnswer = 4 << 20
	// maxRedirects is how often a request is sent on: a standby knows which node is active.
	maxRedirects = 2
	// maxRetryAfter is the longest wait that a server may ask for.
	maxRetryAfter = time.Hour
)

// route carries every request of one store, by two rules. A request goes only to a configured address, because it
// carries the token and perhaps a password. And no answer is read without a limit.
type route struct {
	addresses []*url.URL   // the nodes of one cluster, or what stands before them
	current   atomic.Int32 // index of the address in use
	wire      *wire
}

// RoundTrip implements http.RoundTripper. It skips a node that cannot be reached, and follows a redirect to a configured
// node.
func (r *route) RoundTrip(req *http.Request) (*http.Response, error) {
	transport := r.wire.transport()
	at, redirects := int(r.current.Load()), 0
	for tries := 1; ; tries++ {
		sent, err := r.to(at, req, tries > 1)
		if err != nil {
			return nil, err
		}
		resp, err := transport.RoundTrip(sent)
		switch {
		case err != nil && isDial(err) && tries < len(r.addresses):
			at = (at + 1) % len(r.addresses)
		case err != nil:
			return nil, err
		case isRedirect(resp.StatusCode):
			_ = resp.Body.Close()
			if redirects++; redirects > maxRedirects {
				return nil, errRedirects
			}
			if at, err = r.target(sent, resp); err != nil {
				return nil, err
			}
			traceOf(req.Context()).resent = true
		default:
			r.current.Store(int32(at)) //nolint:gosec // an index of a short list
			traceOf(req.Context()).retryAfter = retryAfter(resp.Header)
			resp.Body = http.MaxBytesReader(nil, resp.Body, bound(req))
			return resp, nil
		}
	}
}

// CloseIdleConnections is what http.Client looks for.
func (r *route) CloseIdleConnections() { r.wire.transport().CloseIdleConnections() }

// pass turns to the next address, after the one in use answered that it cannot serve.
func (r *route) pass() {
	at := r.current.Load()
	r.current.CompareAndSwap(at, (at+1)%int32(len(r.addresses))) //nolint:gosec // a short list
}

// to returns the request as it goes to the address numbered at.
func (r *route) to(at int, req *http.Request, again bool) (*http.Request, error) {
	sent, to := req.WithContext(req.Context()), *req.URL // the headers stay shared: nothing here changes them
	to.Scheme, to.Host = r.addresses[at].Scheme, r.addresses[at].Host
	sent.URL, sent.Host = &to, ""
	if !again || req.Body == nil {
		return sent, nil
	}
	if req.GetBody == nil {
		return nil, errRedirects
	}
	var err error
	sent.Body, err = req.GetBody()
	return sent, err
}

// redirectError is a redirect that is not followed.
type redirectError struct{ text string }

func (e *redirectError) Error() string { return e.text }

var errRedirects = &redirectError{"its nodes redirect to each other: none of them is active"}

// target finds the configured address that a redirect leads to. The path must stay the same: a standby asks for the same
// request at another node and for nothing else.
func (r *route) target(sent *http.Request, resp *http.Response) (int, error) {
	resp.Request = sent
	location, err := resp.Location()
	if err != nil {
		return 0, &redirectError{"it redirects without an address"}
	}
	for i, address := range r.addresses {
		if origin(address) == origin(location) && location.Path == sent.URL.Path {
			return i, nil
		}
	}
	// The text came from outside, so only the host is shown.
	return 0, &redirectError{fmt.Sprintf("it redirects to %.100q, which is not one of the store's addresses, so nothing was sent there: "+
		"if it is a node of the same cluster, add it to addresses", origin(location))}
}

// origin is a server as URLs name it.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func isRedirect(status int) bool {
	return status >= http.StatusMultipleChoices && status < http.StatusBadRequest
}

// isDial reports whether no connection was made, so that nothing can have been sent.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func bound(req *http.Request) int64 {
	if req.URL.Query().Get("list") != "" {
		return maxList
	}
	return maxAnswer
}

// retryAfter is what the header asks for, 0 if nothing. Vault gives seconds. A date is compared with the server's own
// clock, not with ours.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	now, errNow := http.ParseTime(h.Get("Date"))
	if err != nil || errNow != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
