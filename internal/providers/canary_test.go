package providers_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// The canaries: a password that looks different in a URL, and keys. Their encoded forms are searched for as well.
const (
	canaryPassword = "Canary+Pa55%word&"
	canaryKey      = "canary-key-"
)

// failures are the ways in which a server can fail: what it writes after it has read a request. Each one repeats the
// whole request in every place that it can.
var failures = map[string]func(request string) string{
	"hangs up":        func(string) string { return "" },
	"not HTTP":        func(request string) string { return request },
	"odd status line": func(request string) string { return "HTTP/1.1 " + line(request) + "\r\n\r\n" },
	"odd header":      func(request string) string { return "HTTP/1.1 200 OK\r\n" + line(request) + "\r\n\r\n" },
	"odd length":      func(request string) string { return "HTTP/1.1 200 OK\r\nContent-Length: " + line(request) + "\r\n\r\n" },
	"odd chunk":       func(request string) string { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + request },
	"odd encoding": func(request string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + line(request) + "\r\n\r\n"
	},
	"truncated": func(request string) string { return "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + request },
	"redirect": func(request string) string {
		return "HTTP/1.1 307 Moved\r\nLocation: " + line(request) + "\r\nContent-Length: 0\r\n\r\n"
	},
	"text":      func(request string) string { return answer(200, "", request) },
	"JSON":      func(request string) string { return answer(200, "", asJSON(request, "")) },
	"JSON code": func(request string) string { return answer(400, "", asJSON(request, request)) },
	"JSON known code": func(request string) string {
		return answer(400, "", asJSON(request, "InvalidParameterValue.NoSuchSender"))
	},
	"XML":      func(request string) string { return answer(200, "", asXML(request, "304155")) },
	"XML code": func(request string) string { return answer(400, "", asXML(request, request)) },
	"odd retry and date": func(request string) string {
		return answer(429, "Retry-After: "+line(request)+"\r\nDate: "+line(request)+"\r\n", request)
	},
	"400": func(request string) string { return answer(400, "", request) },
	"401": func(request string) string { return answer(401, "", asJSON(request, "")) },
	"403": func(request string) string { return answer(403, "", asJSON(request, "")) },
	"404": func(request string) string { return answer(404, "", asJSON(request, "")) },
	"429": func(request string) string { return answer(429, "Retry-After: 7\r\n", asJSON(request, "")) },
	"500": func(request string) string { return answer(500, "", asJSON(request, "")) },
	"503": func(request string) string { return answer(503, "", "<html>"+request+"</html>") },
}

// line is a request on one line, so that it fits in a header.
func line(request string) string { return strings.NewReplacer("\r", "", "\n", " ").Replace(request) }

func answer(status int, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d Status\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

func asJSON(request, code string) string {
	body, _ := json.Marshal(map[string]any{
		"success": false, "message": request, "Message": request, "Code": code, "RequestId": request,
		"Response": map[string]any{"RequestId": request, "Error": map[string]any{"Code": code, "Message": request}},
	})
	return string(body)
}

func asXML(request, number string) string {
	var text, code bytes.Buffer
	_ = xml.EscapeText(&text, []byte(request))
	_ = xml.EscapeText(&code, []byte(number))
	return "<interface-response><ErrCount>1</ErrCount><errors><Err1>" + text.String() + "</Err1></errors><Code>" + code.String() +
		"</Code><responses><response><ResponseNumber>" + code.String() + "</ResponseNumber></response></responses><Done>true</Done>" +
		"<TrackingKey>" + text.String() + "</TrackingKey></interface-response>"
}

func TestNoFailureShowsASecretOrAURL(t *testing.T) {
	t.Parallel()
	refusing := "http://" + unused
	plain := listen(t, func(net.Conn) {})
	for _, p := range providers.All() {
		t.Run(p.Code, func(t *testing.T) {
			t.Parallel()
			for name, fail := range failures {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					address, asked := server(t, fail)
					checkSilence(t, p, "http://"+address, 5*time.Second, asked)
				})
			}
			t.Run("dial refused", func(t *testing.T) { t.Parallel(); checkSilence(t, p, refusing, 5*time.Second) })
			t.Run("no such host", func(t *testing.T) { t.Parallel(); checkSilence(t, p, "https://keyturn.invalid", 5*time.Second) })
			t.Run("TLS", func(t *testing.T) { t.Parallel(); checkSilence(t, p, "https://"+plain, 5*time.Second) })
			t.Run("time-out", func(t *testing.T) { t.Parallel(); checkSilence(t, p, "http://"+hanging(t), 50*time.Millisecond) })
		})
	}
}

// checkSilence makes every call that p has, and looks for canaries in what its errors show, and for what the requests held.
// asked returns those that a server got; it must have got some.
func checkSilence(t *testing.T, p rotation.Provider, endpoint string, timeout time.Duration, asked ...func() []*http.Request) {
	t.Helper()
	keys := map[string]secret.Value{}
	forbidden := []string{canaryPassword, url.QueryEscape(canaryPassword), canaryKey, "pw=", "Password=", "Basic ", "/api/domains", "interface.asp", "http://", "https://"}
	for _, name := range p.Keys {
		keys[name] = secret.New(canaryKey + name)
	}
	forbidden = append(forbidden, base64.StdEncoding.EncodeToString([]byte(canaryKey+"user:"+canaryKey+"token")))
	settings := rotation.Settings{Endpoint: endpoint, Keys: keys, Timeout: timeout}
	errs := calls(t, p, settings)
	for _, requests := range asked {
		all := requests()
		if len(all) == 0 {
			t.Error("nothing was sent")
		}
		for _, r := range all {
			forbidden = append(forbidden, told(r)...)
		}
	}
	for op, err := range errs {
		if err == nil && op == "Retire" {
			continue // what is not there is gone
		}
		if err == nil {
			t.Errorf("%s: the call succeeded", op)
			continue
		}
		text := shown(t, err)
		for _, part := range forbidden {
			if strings.Contains(text, part) {
				t.Errorf("%s: the error shows %q:\n%s", op, part, text)
			}
		}
	}
}

// told are the parts of a request that no error may show.
func told(r *http.Request) (parts []string) {
	for _, part := range append(r.Header["Authorization"], r.URL.Path, r.URL.RawQuery) {
		if len(part) > 1 {
			parts = append(parts, part)
		}
	}
	return parts
}

func calls(t testing.TB, p rotation.Provider, s rotation.Settings) map[string]error {
	t.Helper()
	c, err := p.New(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, target, errs := t.Context(), standIn(t, p).Targets[0].Target, map[string]error{}
	atOnce := func(context.Context) error { return nil }
	if c.Setter != nil {
		errs["Set"] = c.Setter.Set(ctx, target, secret.New(canaryPassword))
	}
	if c.Issuer != nil {
		_, errs["Issue"] = c.Issuer.Issue(ctx, target)
	}
	if c.Contacts != nil {
		_, errs["VerifyContacts"] = c.Contacts.VerifyContacts(ctx, []string{target})
	}
	if c.ReadBack != nil {
		_, errs["Verify"] = c.ReadBack.Verify(ctx, target, secret.New(canaryPassword))
	}
	if c.Lister != nil {
		_, errs["List"] = c.Lister.List(ctx, "example.com", atOnce)
	}
	if c.Minter != nil {
		whose, id := place(target)
		_, errs["Mint"] = c.Minter.Mint(ctx, whose, rotation.Label{Owner: "canary", Part: "1-1"})
		_, errs["Identities"] = c.Minter.Identities(ctx, whose, "canary", atOnce)
		errs["Retire"] = c.Minter.Retire(ctx, whose, id)
	}
	return errs
}

// place takes a stand-in's name of an identity apart, TARGET/ID.
func place(identity string) (target, id string) {
	last := strings.LastIndexByte(identity, '/')
	return identity[:max(last, 0)], identity[last+1:]
}

// shown renders an error, and each cause of it, in every way that a log could.
func shown(t testing.TB, err error) string {
	t.Helper()
	var b strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		asJSON, jsonErr := json.Marshal(err)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		fmt.Fprintf(&b, "%v\n%+v\n%#v\n%s\n", err, err, err, asJSON)
		slog.New(slog.NewJSONHandler(&b, nil)).ErrorContext(context.Background(), "call", "err", err)
		slog.New(slog.NewTextHandler(&b, nil)).ErrorContext(context.Background(), "call", "err", err)
	}
	return b.String()
}

// server answers each request with what fail makes of it, and then hangs up. asked returns the requests so far.
func server(t *testing.T, fail func(request string) string) (address string, asked func() []*http.Request) {
	t.Helper()
	var mu sync.Mutex
	var got []*http.Request
	address = listen(t, func(conn net.Conn) {
		var raw bytes.Buffer
		request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &raw)))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		mu.Lock()
		got = append(got, request)
		mu.Unlock()
		_, _ = io.WriteString(conn, fail(raw.String()))
	})
	return address, func() []*http.Request {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

// hanging never answers: it holds a connection until the client goes away.
func hanging(t *testing.T) string {
	t.Helper()
	return listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
}

func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// unused is where no server ever listens: unlike a closed server's port it is given to no other test.
const unused = "127.0.0.1:1"
