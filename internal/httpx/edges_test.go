package httpx

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// alphabet is every ASCII character, the first one beyond it, and one of several bytes.
func alphabet(each func(c rune)) {
	for c := rune(0); c <= 0x80; c++ {
		each(c)
	}
	each('é')
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func TestOnlyWhatLooksLikeACodeIsShown(t *testing.T) {
	t.Parallel()
	const shown = letters + "abcdefghijklmnopqrstuvwxyz0123456789._- "
	alphabet(func(c rune) {
		if got := Printable("x" + string(c)); (got != "unreadable") != strings.ContainsRune(shown, c) {
			t.Errorf("%q is shown as %q", c, got)
		}
	})
	long := strings.Repeat("x", 128)
	if Printable(long) != long || Printable(long+"x") != "unreadable" {
		t.Error("the longest text has 128 characters")
	}
}

func TestEveryCharacterIsAllowedWhereHTTPAllowsIt(t *testing.T) {
	t.Parallel()
	request := func() Request {
		return Request{Method: "POST", URL: &url.URL{Scheme: "https", Host: "example.com", Path: "/"}}
	}
	const token = letters + "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
	alphabet(func(c rune) {
		for what, test := range map[string]struct {
			spell   func(r *Request)
			allowed bool
		}{
			"a method":          {func(r *Request) { r.Method = string(c) }, strings.ContainsRune(letters, c)},
			"a query":           {func(r *Request) { r.URL.RawQuery = string(c) }, c > ' ' && c != 0x7f},
			"a header's name":   {func(r *Request) { r.Header = http.Header{string(c): {"x"}} }, strings.ContainsRune(token, c)},
			"a header's value":  {func(r *Request) { r.Header = http.Header{"X": {string(c)}} }, c >= ' ' && c != 0x7f || c == '\t'},
			"another header's ": {func(r *Request) { r.Header = http.Header{"X": {"x", string(c)}} }, c >= ' ' && c != 0x7f || c == '\t'},
		} {
			r := request()
			if test.spell(&r); (r.check() == nil) != test.allowed {
				t.Errorf("%q in %s: %v", c, what, r.check())
			}
		}
	})
	for scheme, fine := range map[string]bool{"http": true, "https": true, "httpss": false, "": false} {
		r := request()
		if r.URL.Scheme = scheme; (r.check() == nil) != fine {
			t.Errorf("scheme %q: %v", scheme, r.check())
		}
	}
}

func TestAClockIsCorrectedByMoreThanAMinuteAndLessThanADay(t *testing.T) {
	t.Parallel()
	for _, step := range []struct {
		before, ahead time.Duration
		differs       bool
	}{
		{0, time.Minute, false},
		{0, time.Minute + 1, true},
		{0, -time.Minute, false},
		{0, -time.Minute - 1, true},
		{time.Hour, time.Hour, false},
		{time.Hour, -time.Hour, true},
		{0, maxAhead - 1, true},
		{0, maxAhead, false},
		{0, -maxAhead, false},
	} {
		c := &Client{}
		c.ahead.Store(int64(step.before))
		if got := c.correct(step.ahead); got != step.differs {
			t.Errorf("from %s to %s: %v", step.before, step.ahead, got)
		}
	}
}

func TestAClocksErrorSaysInWhichDirectionItGoes(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for ahead, want := range map[time.Duration]string{
		-2 * time.Second: "this machine's clock is 2s behind the provider's", 0: "this machine's clock is 0s ahead of the provider's",
		time.Second: "this machine's clock is 1s ahead of the provider's",
	} {
		r := &Reply{received: received, Header: http.Header{"Date": {received.Add(-ahead).Format(http.TimeFormat)}}}
		if got := r.skewError().Error(); got != want {
			t.Errorf("%s ahead: %s", ahead, got)
		}
	}
}

// noRoundTripper is a transport of which nothing is known.
type noRoundTripper struct{ http.RoundTripper }

func TestWhatWasNotSentIsKnownOnlyOfATransportThatTells(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		asked, got bool
		by         http.RoundTripper
		notSent    bool
	}{
		"net/http refused it":         {false, false, &http.Transport{}, true},
		"net/http got no connection":  {true, false, &http.Transport{}, true},
		"net/http had one":            {true, true, &http.Transport{}, false},
		"another got no connection":   {true, false, noRoundTripper{}, true},
		"another never asked for one": {false, false, noRoundTripper{}, false},
		"another had one":             {true, true, noRoundTripper{}, false},
	} {
		p := &connProof{}
		p.asked.Store(test.asked)
		p.got.Store(test.got)
		if got := p.notSent(test.by); got != test.notSent {
			t.Errorf("%s: not sent is %v", name, got)
		}
	}
}

func TestTheFirstAndTheLastInstantOfARetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0).UTC()
	for text, want := range map[string]time.Duration{
		"0":          0,
		"0.001":      time.Millisecond,
		"999999999":  maxRetryAfter, // a wait
		"1800000060": time.Minute,   // an instant
		"1e10":       0,             // 1970 in milliseconds
		strconv.FormatFloat(9_999_999_999, 'f', -1, 64): maxRetryAfter,
		"1800000060000":                 time.Minute, // milliseconds
		"1800000060000000":              time.Minute,
		"1800000060000000000":           time.Minute, // nanoseconds
		"1800000060000000000000":        0,           // there is no smaller unit
		"Fri, 01 Jan 2400 00:00:00 GMT": maxRetryAfter,
		"Wed, 31 Dec 9999 23:59:59 GMT": maxRetryAfter,
	} {
		r := &Reply{received: now, Header: http.Header{"Retry-After": {text}}}
		if got := r.retryAfter(); got.Round(time.Millisecond) != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if clamp(lastInstant) != 0 || clamp(lastInstant-1) != maxRetryAfter || clamp(-1) != 0 {
		t.Error("what is as far off as the last instant is no wait")
	}
}

// heard is a transport that keeps the request and answers nothing.
type heard struct{ request *http.Request }

func (h *heard) RoundTrip(r *http.Request) (*http.Response, error) {
	h.request = r
	return nil, http.ErrHandlerTimeout
}

func TestARequestWithoutABodyHasNone(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "x"} {
		h := &heard{}
		c := &Client{Now: time.Now, transport: h}
		_, _ = c.roundTrip(t.Context(), Request{Method: "POST", URL: &url.URL{Scheme: "https", Host: "example.com"}, Body: []byte(body)})
		if (h.request.Body == nil) != (body == "") || h.request.ContentLength != int64(len(body)) {
			t.Errorf("%q: body %v, length %d", body, h.request.Body, h.request.ContentLength)
		}
	}
}
