package httpx_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
)

// forgetful answers the first request of the server and hangs up on every other one after reading it: what a server
// does that closes an idle connection at the wrong moment. It counts what arrives.
func forgetful(t *testing.T, arrived *atomic.Int32) string {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		reader := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			if arrived.Add(1) > 1 {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
}

// The control: this is what net/http does on its own with a GET.
func TestNetHTTPAloneSendsAGetTwice(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	endpoint := forgetful(t, &arrived)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	for range 2 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := transport.RoundTrip(request); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	if got := arrived.Load(); got != 3 {
		t.Errorf("%d requests arrived; if net/http no longer repeats a GET, Fresh can go", got)
	}
}

func TestOneSendIsOneSend(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		use     httpx.Connections
		request func(*httpx.Client) httpx.Request
	}{
		"a GET on fresh connections":    {httpx.Fresh, get},
		"a POST on pooled connections":  {httpx.Pooled, post},
		"a POST on fresh connections":   {httpx.Fresh, post},
		"a bare PUT on fresh ones":      {httpx.Fresh, put},
		"an idempotency key changes it": {httpx.Pooled, keyedPost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int32
			c := client(t, settings(forgetful(t, &arrived)), test.use)
			if _, err := c.Do(t.Context(), test.request(c)); err != nil {
				t.Fatal(err)
			}
			_, err := c.Do(t.Context(), test.request(c))
			checkFailure(t, err, rotation.InDoubt)
			if got := arrived.Load(); got != 2 {
				t.Errorf("%d requests arrived, want 2", got)
			}
		})
	}
}

func put(c *httpx.Client) httpx.Request {
	r := get(c)
	r.Method = http.MethodPut
	return r
}

func keyedPost(c *httpx.Client) httpx.Request {
	r := post(c)
	r.Header = http.Header{"Idempotency-Key": {"1"}}
	return r
}

func TestPooledConnectionsAreUsedAgainAndFreshOnesAreNot(t *testing.T) {
	t.Parallel()
	for use, want := range map[httpx.Connections]int32{httpx.Pooled: 1, httpx.Fresh: 3} {
		var connections atomic.Int32
		endpoint := listen(t, func(conn net.Conn) {
			connections.Add(1)
			reader := bufio.NewReader(conn)
			for {
				request, err := http.ReadRequest(reader)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		})
		c := client(t, settings(endpoint), use)
		for range 3 {
			if _, err := c.Do(t.Context(), post(c)); err != nil {
				t.Fatal(err)
			}
		}
		c.CloseIdleConnections()
		if got := connections.Load(); got != want {
			t.Errorf("%d connections for 3 calls, want %d", got, want)
		}
	}
}
