package httpx_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
)

func TestARequestThatCannotBeWrittenIsNotSent(t *testing.T) {
	t.Parallel()
	endpoint := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	for name, spoil := range map[string]func(*httpx.Request){
		"a line break in a header":        func(r *httpx.Request) { r.Header = http.Header{"Authorization": {canary + "\n"}} },
		"a NUL in a header":               func(r *httpx.Request) { r.Header = http.Header{"Authorization": {canary + "\x00"}} },
		"a control character in a header": func(r *httpx.Request) { r.Header = http.Header{"Authorization": {canary + "\x7f"}} },
		"a blank in the name of a header": func(r *httpx.Request) { r.Header = http.Header{"X " + canary: {"x"}} },
		"a header without a name":         func(r *httpx.Request) { r.Header = http.Header{"": {canary}} },
		"an invalid method":               func(r *httpx.Request) { r.Method = "GET " + canary },
		"no method":                       func(r *httpx.Request) { r.Method = "" },
		"a line break in the query":       func(r *httpx.Request) { r.URL.RawQuery = "pw=" + canary + "\n" },
		"a blank in the query":            func(r *httpx.Request) { r.URL.RawQuery = "pw=" + canary + " x" },
		"another scheme":                  func(r *httpx.Request) { r.URL.Scheme = "ftp" },
		"no host":                         func(r *httpx.Request) { r.URL.Host = "" },
		"no address":                      func(r *httpx.Request) { r.URL = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, use := range []httpx.Connections{httpx.Pooled, httpx.Fresh} {
				c := client(t, settings(endpoint), use)
				for _, r := range []httpx.Request{get(c), post(c)} {
					spoil(&r)
					_, err := c.Do(t.Context(), r)
					checkFailure(t, err, rotation.NotSent)
				}
			}
		})
	}
}

func TestAHeaderThatCannotBeSentIsBlamedOnTheKeys(t *testing.T) {
	t.Parallel()
	c := client(t, settings("https://example.invalid"), httpx.Pooled)
	for _, odd := range []string{"\n", "\r", "\x00", "\x1f", "\x7f"} {
		r := get(c)
		r.Header = http.Header{"Authorization": {canary + odd}}
		if _, err := c.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "in the account's keys") {
			t.Errorf("%q: got %v", odd, err)
		}
	}
}

func TestARequestThatAProxyRefusesToPassOnIsNotSent(t *testing.T) {
	t.Parallel()
	proxy, err := url.Parse(serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	if err != nil {
		t.Fatal(err)
	}
	s := settings("https://example.invalid")
	s.Transport = &http.Transport{Proxy: http.ProxyURL(proxy)}
	c := client(t, s, httpx.Pooled)
	_, err = c.Do(t.Context(), post(c))
	checkFailure(t, err, rotation.NotSent)
}

func TestOfAReplyThatBreaksOffIsReturnedWhatCame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		endpoint string
		length   int
	}{
		"cut": {listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n"+canary)
		}), len(canary)},
		"too long": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, canary+strings.Repeat("x", httpx.BodyLimit))
		}), httpx.BodyLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, settings(test.endpoint), httpx.Pooled)
			reply, err := c.Do(t.Context(), post(c))
			checkFailure(t, err, rotation.InDoubt)
			if reply == nil || reply.Status != http.StatusCreated || len(reply.Body) != test.length || !strings.HasPrefix(string(reply.Body), canary) {
				t.Error("what came of the reply is not there")
			}
		})
	}
}
