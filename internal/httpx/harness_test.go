package httpx_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary stands for a management key in a URL. No error may show it.
const canary = "canary-5f0c2b"

var testProvider = rotation.Provider{Code: "test", Keys: []string{"token"}, Regions: []string{"here", "there"}}

func settings(endpoint string) rotation.Settings {
	return rotation.Settings{
		Endpoint: endpoint,
		Keys:     map[string]secret.Value{"token": secret.New(canary)},
		Timeout:  5 * time.Second,
	}
}

// client closes its connections with the test.
func client(t *testing.T, s rotation.Settings, use httpx.Connections) *httpx.Client {
	t.Helper()
	c, err := httpx.New(testProvider, s, use)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func get(c *httpx.Client) httpx.Request {
	u := c.Endpoint.JoinPath("path")
	u.RawQuery = "pw=" + canary
	return httpx.Request{Op: "Get", Method: http.MethodGet, URL: u}
}

func post(c *httpx.Client) httpx.Request {
	r := get(c)
	r.Op, r.Method, r.Body = "Post", http.MethodPost, []byte("password="+canary)
	return r
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// listen hands every connection to serve, on a goroutine that the test waits for.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return "http://" + listener.Addr().String()
}
