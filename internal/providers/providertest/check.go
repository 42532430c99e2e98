package providertest

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

// Update makes the tests write what was sent into their fixtures, and the generated parts of docs/providers: look at the
// difference before committing it.
var Update = flag.Bool("update", false, "rewrite the fixtures of requests and the generated parts of docs/providers")

// Call makes one call of the client under test against a server that plays answer, and returns its error.
type Call func(t *testing.T, answer Answer) error

// CheckSent compares the only request that s got with a fixture.
func CheckSent(t *testing.T, s *Server, fixture string) {
	t.Helper()
	sent := s.Sent()
	if len(sent) != 1 {
		t.Fatalf("sent %d requests, want 1", len(sent))
	}
	if *Update {
		if err := os.WriteFile(filepath.Join("testdata", fixture), []byte(sent[0]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := Fixture(t, fixture); sent[0] != want {
		t.Errorf("sent\n%s\nwant (%s)\n%s", sent[0], fixture, want)
	}
}

// CheckKind fails the test unless err is a *rotation.Error of kind, and returns it.
func CheckKind(t *testing.T, err error, kind rotation.Kind) *rotation.Error {
	t.Helper()
	failure, ok := errors.AsType[*rotation.Error](err)
	if !ok {
		t.Fatalf("got %v, want a *rotation.Error of kind %q", err, kind)
	}
	if failure.Kind != kind {
		t.Fatalf("got %v, want kind %q", err, kind)
	}
	return failure
}

// CheckTable drives call once for every row of table, with the answer that a provider would give for it.
func CheckTable(t *testing.T, table []rotation.ErrorRow, call Call, answer func(rotation.ErrorRow) Answer) {
	t.Helper()
	for _, row := range table {
		t.Run(row.Code, func(t *testing.T) {
			t.Parallel()
			failure := CheckKind(t, call(t, answer(row)), row.Kind)
			if failure.Hint != row.Hint {
				t.Errorf("hint %q, want %q", failure.Hint, row.Hint)
			}
			t.Logf("%-45s %s", row.Code, failure.Kind)
		})
	}
}

// CheckMalformed holds that an unreadable answer leaves the outcome in doubt.
func CheckMalformed(t *testing.T, call Call) {
	t.Helper()
	for name, answer := range map[string]Answer{
		"empty":            {},
		"empty 204":        {Status: http.StatusNoContent},
		"HTML":             {Header: map[string]string{"Content-Type": "text/html"}, Body: "<!DOCTYPE html><html><body>It works!</body></html>"},
		"HTML 502":         {Status: http.StatusBadGateway, Body: "<html><body><h1>502 Bad Gateway</h1></body></html>"},
		"HTML 403":         {Status: http.StatusForbidden, Body: "<html><body>blocked</body></html>"},
		"redirect":         {Status: http.StatusFound, Header: map[string]string{"Location": "/elsewhere"}},
		"truncated JSON":   {Body: `{"success":true,"Success":true,"Response":{"RequestId":"8979`},
		"truncated XML":    {Body: `<interface-response><ErrCount>0</ErrCount><Done>tr`},
		"announced length": {Header: map[string]string{"Content-Length": "4096"}, Body: `{"success":true}`},
		"another shape":    {Body: `["success"]`},
		"JSON null":        {Body: `null`},
		"empty object":     {Body: `{}`},
		"UTF-16":           {Body: "\xff\xfe{\x00\"\x00s\x00u\x00c\x00c\x00e\x00s\x00s\x00\"\x00:\x00t\x00r\x00u\x00e\x00}\x00"},
		"too long":         {Body: fmt.Sprintf(`{"padding":"%01048576d"}`, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_ = CheckKind(t, call(t, answer), rotation.InDoubt)
		})
	}
}

// CheckOddSuccess holds that a success counts in every wrapping that leaves its contents alone, and is in doubt in every
// other.
func CheckOddSuccess(t *testing.T, call Call, body string) {
	t.Helper()
	if err := call(t, Answer{Body: body}); err != nil {
		t.Fatalf("as documented: %v", err)
	}
	for name, answer := range map[string]Answer{
		"a byte order mark":          {Body: "\ufeff" + body},
		"two byte order marks":       {Body: "\ufeff\ufeff" + body},
		"a mark behind a line":       {Body: "\r\n\ufeff" + body},
		"NULs behind it":             {Body: body + strings.Repeat("\x00", 64)},
		"blank lines":                {Body: "\n\r\n" + body + "\r\n\r\n"},
		"another type":               {Header: map[string]string{"Content-Type": "text/html"}, Body: body},
		"another character set":      {Header: map[string]string{"Content-Type": "application/octet-stream; charset=utf-16"}, Body: body},
		"a byte order mark and NULs": {Body: "\ufeff" + body + "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(t, answer); err != nil {
				t.Errorf("got %v, want a success", err)
			}
		})
	}
	for name, answer := range map[string]Answer{
		"twice":                 {Body: body + body},
		"a warning before it":   {Body: warning + body},
		"a warning behind it":   {Body: body + warning},
		"half of it":            {Body: body[:len(body)/2]},
		"all but its end":       {Body: strings.TrimRight(body, " \n>}]")},
		"in a string":           {Body: quoted(body)},
		"another status":        {Status: http.StatusAccepted, Body: body},
		"the status of a fault": {Status: http.StatusBadGateway, Body: body},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_ = CheckKind(t, call(t, answer), rotation.InDoubt)
		})
	}
}

// CheckThrottled holds that a 429 is a rate limit even without a readable body, and that both spellings of
// Retry-After are honoured.
func CheckThrottled(t *testing.T, call Call) {
	t.Helper()
	for name, header := range map[string]map[string]string{
		"seconds": {"Retry-After": "30"},
		"date":    {"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failure := CheckKind(t, call(t, Answer{Status: http.StatusTooManyRequests, Header: header, Body: "slow down"}), rotation.RateLimited)
			if failure.RetryAfter != 30*time.Second {
				t.Errorf("RetryAfter is %v, want 30s", failure.RetryAfter)
			}
		})
	}
}
