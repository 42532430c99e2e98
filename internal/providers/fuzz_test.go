package providers_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// answers says the same to every request, and nothing any more after a few.
type answers struct {
	status int
	header http.Header
	body   []byte
	left   int
}

// echo is the placeholder in a body for the password that was sent.
const echo = "PASSWORD"

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.left--; a.left < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	body := bytes.ReplaceAll(a.body, []byte(echo), []byte(canaryPassword))
	return &http.Response{
		StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.header.Clone(), Request: r,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

// FuzzAnswer lets every provider's client read every answer: whatever it is, a status that is no success is an error, and
// no error shows what was sent or what came.
func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob("*/testdata/*.*")
	if err != nil || len(files) < 20 {
		f.Fatalf("%d fixtures: %v", len(files), err)
	}
	for _, file := range files {
		if filepath.Ext(file) == ".request" {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := range providers.All() {
			f.Add(uint8(i), uint16(200), "", "", body)
		}
	}
	f.Add(uint8(0), uint16(429), "7", "Limit:10,TimeLeft:1500", []byte(`{"Code":"Throttling.User","Message":"PASSWORD","RequestId":"PASSWORD"}`))
	f.Add(uint8(5), uint16(503), "Fri, 31 Dec 2027 23:59:59 GMT", "x", []byte(`{"Response":{"Error":{"Code":"PASSWORD"},"RequestId":"1"}}`))
	f.Fuzz(func(t *testing.T, which uint8, status uint16, after, throttled string, body []byte) {
		p := providers.All()[int(which)%len(providers.All())]
		a := &answers{status: 200 + int(status)%400, header: http.Header{"Retry-After": {after}, "X-Ratelimit-User": {throttled}}, body: body, left: 4}
		keys := map[string]secret.Value{}
		for _, name := range p.Keys {
			keys[name] = secret.New(canaryKey + name)
		}
		endpoint := "http://127.0.0.1:1"
		for op, err := range calls(t, p, rotation.Settings{Endpoint: endpoint, Keys: keys, Timeout: time.Minute, Transport: a}) {
			if err == nil {
				if a.status > 299 && (op != "Retire" || a.status != http.StatusNotFound) {
					t.Errorf("%s %s: HTTP %d passes for a success", p.Code, op, a.status)
				}
				continue
			}
			var known *rotation.Error
			if !errors.As(err, &known) || known.Provider != p.Code {
				t.Errorf("%s %s: %T: %v", p.Code, op, err, err)
			} else if known.RetryAfter < 0 || known.RetryAfter > 24*time.Hour {
				t.Errorf("%s %s: retry after %v", p.Code, op, known.RetryAfter)
			}
			for _, part := range []string{canaryPassword, url.QueryEscape(canaryPassword), canaryKey, "http://", "https://"} {
				if strings.Contains(shown(t, err), part) {
					t.Errorf("%s %s: the error shows %q", p.Code, op, part)
				}
			}
		}
	})
}
