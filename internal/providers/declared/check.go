package declared

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Report is what the examples of a description, and answers that no provider documents, made of it.
type Report struct {
	Rows, Examples int
	Failed         []*document.Error // examples that are not true
	Uncovered      []*document.Error // rows that no example matches
	Requests       []string          // what would be sent, without the secrets
}

// Check runs the examples. It needs no network.
func (d *Description) Check(ctx context.Context) Report {
	r := Report{Rows: len(d.rows), Examples: len(d.examples.requests) + len(d.examples.answers)}
	for _, one := range d.examples.requests {
		shown, err := d.checkSent(ctx, one)
		r.Requests = append(r.Requests, shown)
		r.note(one.at, err)
	}
	covered := map[*row]bool{}
	for _, one := range d.examples.answers {
		r.note(one.at, d.checkTold(ctx, one))
		a := &d.operation(one.call).answer
		covered[a.read(one.status, []byte(one.body), values{}).row] = true
	}
	for _, row := range d.rows {
		if !covered[row] {
			at := row.at
			at.Message, at.Warning = fmt.Sprintf("no example has %s", row.name()), true
			r.Uncovered = append(r.Uncovered, &at)
		}
	}
	for _, call := range d.calls() {
		for _, one := range odd() {
			one.told.call = call
			one.told.success = one.told.body == "" && d.operation(call).answer.bareSuccess(one.told.status, nil)
			if err := d.checkTold(ctx, one.told); err != nil {
				r.note(d.example(call).at, fmt.Errorf("%s: %w", one.name, err))
			}
		}
	}
	return r
}

func (r *Report) note(at document.Error, err error) {
	if err != nil {
		at.Message = err.Error()
		r.Failed = append(r.Failed, &at)
	}
}

// oddAnswer is one that every provider gives one day, and none documents.
type oddAnswer struct {
	name string
	told told
}

func odd() []oddAnswer {
	all := []oddAnswer{
		{name: "an empty answer", told: told{status: 200}},
		{name: "an answer without content", told: told{status: 204}},
		{name: "a page", told: told{status: 200, body: "<!DOCTYPE html><html><body>It works!</body></html>"}},
		{name: "a page of a gateway", told: told{status: 502, body: "<html><body><h1>502 Bad Gateway</h1></body></html>"}},
		{name: "a page that refuses", told: told{status: 403, body: "<html><body>blocked</body></html>"}},
		{name: "a redirect", told: told{status: 302, headers: map[string]string{"Location": "/elsewhere"}}},
		{name: "an answer that breaks off", told: told{status: 200, body: `{"success":true,"status":"succ`}},
		{name: "another shape", told: told{status: 200, body: `["success"]`}},
		{name: "null", told: told{status: 200, body: "null"}},
		{name: "an empty object", told: told{status: 200, body: "{}"}},
		{name: "another character set", told: told{status: 200, body: "\xff\xfe{\x00\"\x00o\x00k\x00\"\x00:\x00t\x00r\x00u\x00e\x00}\x00"}},
		{name: "an answer nested without end", told: told{status: 200, body: strings.Repeat(`{"a":[`, 5000)}},
		{name: "an unknown refusal", told: told{status: 418, body: `{"message":"no","error":"no","code":"no"}`}},
	}
	wait := map[string]string{"Retry-After": "30"}
	return append(all, oddAnswer{name: "a page that asks to slow down", told: told{
		status: http.StatusTooManyRequests, headers: wait, body: "slow down", kind: rotation.RateLimited, wait: 30 * time.Second,
	}})
}

// canned answers every request alike, and keeps the last one.
type canned struct {
	told told
	sent *http.Request
	body []byte
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	c.sent = r
	if r.Body != nil {
		c.body, _ = io.ReadAll(r.Body) // it is in memory
	}
	header := http.Header{}
	for name, value := range c.told.headers {
		header.Set(name, value)
	}
	return &http.Response{
		StatusCode: c.told.status, Header: header, Body: io.NopCloser(strings.NewReader(c.told.body)), ContentLength: int64(len(c.told.body)), Request: r,
	}, nil
}

// callTimeout is never reached: nothing is waited for.
const callTimeout = time.Minute

// outcome is what a call returned beside its error.
type outcome struct {
	rotation.Issued
	ID, Username string
	IDs          []string
}

// exampleTime is when examples are sent.
var exampleTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

// exampleLabel is the label in examples.
var exampleLabel = rotation.Label{Owner: "example", Part: "0a1b2c3d-1"}

// play makes the call of an example, whose answer is given, at the provider's own endpoint.
func (d *Description) play(ctx context.Context, one sent, answer told) (*canned, outcome, error) {
	return d.playAt(ctx, cmp.Or(d.endpoint(one.region), "https://account.example"), one, answer)
}

// playAt is play at another endpoint. Every key is its name in capitals.
func (d *Description) playAt(ctx context.Context, endpoint string, one sent, answer told) (*canned, outcome, error) {
	keys := map[string]secret.Value{}
	for _, name := range d.keys {
		keys[name] = secret.New(ExampleKey(name))
	}
	c := &canned{told: answer}
	client, err := d.connect(rotation.Settings{Endpoint: endpoint, Region: one.region, Keys: keys, Timeout: callTimeout, Transport: c})
	if err != nil {
		return c, outcome{}, err
	}
	client.stamp = func() stamp { return stamp{exampleTime, "NONCE"} }
	made := client.roles()
	var out outcome
	switch {
	case made.Setter != nil:
		err = made.Setter.Set(ctx, one.target, secret.New(one.password))
	case made.Issuer != nil:
		out.Issued, err = made.Issuer.Issue(ctx, one.target)
	case one.call == CallList:
		out.IDs, err = made.Minter.Identities(ctx, one.target, d.ownerOf(exampleLabel), func(context.Context) error { return nil })
	case aboutOne(one.call):
		err = minter{client}.take(ctx, d.operation(one.call), one.target, one.id)
	default:
		var identity rotation.Identity
		identity, err = made.Minter.Mint(ctx, one.target, cmp.Or(one.label, exampleLabel))
		out = outcome{rotation.Issued{Password: identity.Password, Synced: identity.Synced}, identity.ID, identity.Username, nil}
	}
	return c, out, err
}

// checkSent makes the call of an example, and returns the request without its secrets.
func (d *Description) checkSent(ctx context.Context, one sent) (shown string, err error) {
	c, _, err := d.play(ctx, one, told{status: http.StatusOK})
	if c.sent == nil {
		return "", err
	}
	if got := c.text(); got != strings.TrimSpace(one.want) {
		err = fmt.Errorf("sends\n%s", got)
	} else {
		err = nil
	}
	if one.password == "" {
		return c.text(), err
	}
	return strings.ReplaceAll(c.text(), one.password, "<password>"), err
}

var boundary = regexp.MustCompile(`keyturn-[0-9a-f]{32}`)

// text is the request as a description has it: headers sorted, lines that end as lines of a file do.
func (c *canned) text() string {
	lines := []string{}
	for name, values := range c.sent.Header {
		if name != "User-Agent" {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	slices.Sort(lines)
	head := fmt.Sprintf("%s %s\nHost: %s\n%s", c.sent.Method, c.sent.URL.RequestURI(), c.sent.Host, strings.Join(lines, "\n"))
	text := strings.TrimSpace(head + "\n\n" + string(bytes.ReplaceAll(c.body, []byte("\r\n"), []byte("\n"))))
	return boundary.ReplaceAllString(text, "BOUNDARY")
}

// checkTold holds the meaning of an answer to what its example says.
func (d *Description) checkTold(ctx context.Context, one told) error {
	_, got, err := d.play(ctx, *d.example(one.call), one)
	switch {
	case one.shows != got.Password.Reveal():
		return errors.New("shows another password, or none")
	case one.id != got.ID, one.username != "" && one.username != got.Username:
		return fmt.Errorf("shows the identity %q of %q", got.ID, got.Username)
	case !slices.Equal(one.lists, got.IDs):
		return fmt.Errorf("lists %q", got.IDs)
	}
	if err == nil || one.success {
		if (err == nil) != one.success {
			return fmt.Errorf("means %s", meaning(err))
		}
		return nil
	}
	e := rotation.AsError(err)
	switch {
	case e.Kind != one.kind:
		return fmt.Errorf("means %s", meaning(err))
	case one.wait != 0 && e.RetryAfter != one.wait:
		return fmt.Errorf("asks to wait %v", e.RetryAfter)
	}
	return nil
}

func meaning(err error) string {
	if err == nil {
		return "a success"
	}
	return rotation.AsError(err).Kind.String()
}
