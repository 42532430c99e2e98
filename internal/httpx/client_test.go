package httpx_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
)

// shown renders an error in every way that a log could.
func shown(t *testing.T, err error) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n%+v\n%#v\n%q\n", err, err, err, err)
	asJSON, jsonErr := json.Marshal(err)
	if jsonErr != nil {
		t.Fatal(jsonErr)
	}
	b.Write(asJSON)
	slog.New(slog.NewJSONHandler(&b, nil)).Error("call", "err", err)
	slog.New(slog.NewTextHandler(&b, nil)).Error("call", "err", err)
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		fmt.Fprintf(&b, "%v %+v %#v\n", cause, cause, cause)
	}
	return b.String()
}

func checkFailure(t *testing.T, err error, kind rotation.Kind) {
	t.Helper()
	failure, ok := errors.AsType[*rotation.Error](err)
	if !ok || failure.Kind != kind || failure.Provider != "test" || failure.Op == "" {
		t.Errorf("got %v, want kind %q", err, kind)
	}
	if text := shown(t, err); strings.Contains(text, canary) || strings.Contains(text, "/path") {
		t.Errorf("a part of the request is shown:\n%s", text)
	}
}

func TestOnlyAProvablyUnsentRequestIsNotSent(t *testing.T) {
	t.Parallel()
	refused := listen(t, func(net.Conn) {})
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)

	for name, test := range map[string]struct {
		endpoint string
		kind     rotation.Kind
	}{
		// Not the port of a server that was closed: that is soon another test's.
		"dial refused":          {"http://127.0.0.1:1", rotation.NotSent},
		"no such host":          {"http://keyturn.invalid", rotation.NotSent},
		"unknown certificate":   {tlsServer.URL, rotation.NotSent},
		"TLS to a plain server": {strings.Replace(serve(t, http.NotFound), "http:", "https:", 1), rotation.NotSent},
		"closed at once":        {refused, rotation.InDoubt},
		"not HTTP": {listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = io.WriteString(c, "220 mail.example.com ESMTP "+canary+"\r\n")
		}), rotation.InDoubt},
		"bad header": {listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+canary+"\r\n\r\n")
		}), rotation.InDoubt},
		"cut body": {listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"+canary)
		}), rotation.InDoubt},
		"too long": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", httpx.BodyLimit+1))
		}), rotation.InDoubt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, use := range []httpx.Connections{httpx.Pooled, httpx.Fresh} {
				c := client(t, settings(test.endpoint), use)
				_, err := c.Do(t.Context(), post(c))
				checkFailure(t, err, test.kind)
				_, err = c.Do(t.Context(), get(c))
				checkFailure(t, err, test.kind)
			}
		})
	}
}

func TestABodyOfExactlyTheLimitIsRead(t *testing.T) {
	t.Parallel()
	c := client(t, settings(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", httpx.BodyLimit))
	})), httpx.Pooled)
	reply, err := c.Do(t.Context(), get(c))
	if err != nil || len(reply.Body) != httpx.BodyLimit {
		t.Errorf("got %v", err)
	}
}

func TestAContextThatEndsBeforeSendingIsNotSent(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := client(t, settings(serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })), httpx.Pooled)
	_, err := c.Do(ctx, post(c))
	checkFailure(t, err, rotation.NotSent)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not a cancellation", err)
	}
}

func TestAContextThatEndsWhileDialingIsNotSent(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := settings("http://example.invalid")
	s.Transport = &http.Transport{DialContext: func(dialing context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-dialing.Done()
		return nil, dialing.Err()
	}}
	c := client(t, s, httpx.Pooled)
	_, err := c.Do(ctx, post(c))
	checkFailure(t, err, rotation.NotSent)
}

func TestAContextThatEndsAfterSendingIsInDoubt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := client(t, settings(serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server would not notice that the client is gone
		cancel()
		<-r.Context().Done()
	})), httpx.Pooled)
	_, err := c.Do(ctx, post(c))
	checkFailure(t, err, rotation.InDoubt)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not a cancellation", err)
	}
}

func TestTheTimeOutCoversTheBody(t *testing.T) {
	t.Parallel()
	s := settings(serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "half an ")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	s.Timeout = 50 * time.Millisecond
	c := client(t, s, httpx.Pooled)
	_, err := c.Do(t.Context(), post(c))
	checkFailure(t, err, rotation.InDoubt)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not a time-out", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestATransportThatTellsNothingProvesNothing(t *testing.T) {
	t.Parallel()
	s := settings("http://example.invalid")
	s.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("proxy: cannot reach %s", r.URL)
	})
	c := client(t, s, httpx.Pooled)
	_, err := c.Do(t.Context(), post(c))
	checkFailure(t, err, rotation.InDoubt)
}

func TestARedirectIsAnAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect} {
		c := client(t, settings(serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/path" {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", status)
		})), httpx.Pooled)
		for _, r := range []httpx.Request{get(c), post(c)} {
			reply, err := c.Do(t.Context(), r)
			if err != nil || reply.Status != status {
				t.Fatalf("got %v", err)
			}
			if failure := reply.Malformed("not JSON"); failure.Kind != rotation.InDoubt || !strings.Contains(failure.Hint, "endpoint") {
				t.Errorf("got %v", failure)
			}
		}
	}
}

func TestAGivenTransportKeepsItsCertificatesAndGetsOurGuarantees(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	s := settings(server.URL)
	s.Transport = server.Client().Transport // speaks HTTP/2 by itself
	if s.Transport.(*http.Transport).TLSClientConfig == (*tls.Config)(nil) {
		t.Fatal("the server's transport has no certificates")
	}
	c := client(t, s, httpx.Pooled)
	reply, err := c.Do(t.Context(), get(c))
	if err != nil || string(reply.Body) != "HTTP/1.1" {
		t.Fatalf("the protocol is not HTTP/1.1 (%v)", err)
	}
}

func TestWhatAReplySaysOfTheQuotaIsObserved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limit, remaining string
		per              time.Duration
		want             *httpx.Quota
	}{
		"both":                       {"60", "59", time.Minute, &httpx.Quota{Limit: 60, Per: time.Minute, Remaining: 59}},
		"nothing left":               {"60", "0", time.Minute, &httpx.Quota{Limit: 60, Per: time.Minute}},
		"no limit":                   {"", "3", time.Minute, &httpx.Quota{Per: time.Minute, Remaining: 3}},
		"no remaining":               {"60", "", time.Minute, nil},
		"not a number":               {"many", "-1", time.Minute, nil},
		"a provider without headers": {"60", "59", 0, nil},
	} {
		var seen []httpx.Observation
		ctx := httpx.WithObserver(t.Context(), func(o httpx.Observation) { seen = append(seen, o) })
		p := testProvider
		p.QuotaPer = test.per
		c, err := httpx.New(p, settings(serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RateLimit-Limit", test.limit)
			w.Header().Set("X-RateLimit-Remaining", test.remaining)
		})), httpx.Pooled)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.CloseIdleConnections)
		if _, err := c.Do(ctx, get(c)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(seen[0].Quota, test.want) {
			t.Errorf("%s: got %+v, want %+v", name, seen[0].Quota, test.want)
		}
	}
}

func TestEveryCallIsObservedOnceWithoutItsURL(t *testing.T) {
	t.Parallel()
	var seen []httpx.Observation
	ctx := httpx.WithObserver(t.Context(), func(o httpx.Observation) { seen = append(seen, o) })
	c := client(t, settings(serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })), httpx.Pooled)
	start := time.Unix(1000, 0)
	c.Now = func() time.Time { start = start.Add(time.Second); return start }
	if _, err := c.Do(ctx, post(c)); err != nil {
		t.Fatal(err)
	}
	broken := client(t, settings("http://keyturn.invalid"), httpx.Pooled)
	_, _ = broken.Do(ctx, get(broken))

	if len(seen) != 2 {
		t.Fatalf("observed %d calls, want 2", len(seen))
	}
	if want := (httpx.Observation{Provider: "test", Op: "Post", Status: http.StatusTeapot, Duration: 2 * time.Second}); seen[0] != want {
		t.Errorf("got %+v, want %+v", seen[0], want)
	}
	if seen[1].Op != "Get" || seen[1].Status != 0 {
		t.Errorf("got %+v, want no status", seen[1])
	}
}
