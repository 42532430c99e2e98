package httpx_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
)

// endless is a reply that never ends. It gives up itself, so that a client without a limit fails and does not hang.
type endless struct{ read int }

const tooMuch = 8 * httpx.BodyLimit

func (e *endless) Read(p []byte) (int, error) {
	if e.read > tooMuch {
		return 0, io.EOF
	}
	e.read += len(p)
	return len(p), nil
}

func (*endless) Close() error { return nil }

func TestAReplyWithoutAnEndIsReadUpToTheLimit(t *testing.T) {
	t.Parallel()
	body := &endless{}
	s := settings("http://example.invalid")
	s.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body}, nil
	})
	c := client(t, s, httpx.Pooled)
	reply, err := c.Do(t.Context(), post(c))
	checkFailure(t, err, rotation.InDoubt)
	if reply == nil || len(reply.Body) != httpx.BodyLimit || body.read > 2*httpx.BodyLimit {
		t.Errorf("%d bytes were read", body.read)
	}
}

func TestHeadersAreReadUpToALimit(t *testing.T) {
	t.Parallel()
	c := client(t, settings(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 128<<10))
	})), httpx.Pooled)
	_, err := c.Do(t.Context(), post(c))
	checkFailure(t, err, rotation.InDoubt)
}

// A compressed reply could be a thousand times as long as what arrives.
func TestNoReplyIsAskedForInCompressedForm(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]http.RoundTripper{"by default": nil, "over a given transport": &http.Transport{}} {
		s := settings(serve(t, func(_ http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Accept-Encoding"); got != "" {
				t.Errorf("%s: %s is accepted", name, got)
			}
		}))
		s.Transport = given
		c := client(t, s, httpx.Pooled)
		if _, err := c.Do(t.Context(), get(c)); err != nil {
			t.Error(err)
		}
	}
}

func TestACallThatIsNeverAnsweredEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := settings("http://example.invalid")
		s.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c := client(t, s, httpx.Pooled)
		began := time.Now()
		_, err := c.Do(t.Context(), post(c))
		checkFailure(t, err, rotation.InDoubt)
		if took := time.Since(began); took != s.Timeout {
			t.Errorf("the call took %s, want %s", took, s.Timeout)
		}
	})
}
