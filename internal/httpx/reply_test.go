package httpx_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

var table = []rotation.ErrorRow{
	{Code: "Throttling*", Kind: rotation.RateLimited, Hint: "prefix"},
	{Code: "Throttling.Day*", Kind: rotation.Target, Hint: "longer prefix"},
	{Code: "Throttling.Exact", Kind: rotation.Unavailable, Hint: "exact"},
	{Code: "HTTP 403", Kind: rotation.Unauthorized, Hint: "status"},
}

func TestLookupPrefersTheCodeToTheStatus(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"Throttling":          "prefix",
		"Throttling.User":     "prefix",
		"Throttling.DayLimit": "longer prefix",
		"Throttling.Exact":    "exact",
		"Other":               "status",
		"":                    "status",
	} {
		if got := httpx.Lookup(table, code, http.StatusForbidden); got.Hint != want {
			t.Errorf("%q finds %q, want %q", code, got.Hint, want)
		}
	}
	if got := httpx.Lookup(table, "Other", http.StatusBadRequest); got.Kind != rotation.InDoubt || got.Code != "" {
		t.Errorf("an unknown code finds %+v, want the zero row", got)
	}
}

// answer is the reply to a call whose response has the given header, received at 12:00:00.
func answer(t *testing.T, status int, header map[string]string) *httpx.Reply {
	t.Helper()
	_, reply := answerOf(t, status, header)
	return reply
}

// answerOf is answer with the client that got it.
func answerOf(t *testing.T, status int, header map[string]string) (*httpx.Client, *httpx.Reply) {
	t.Helper()
	c := client(t, settings(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
	})), httpx.Pooled)
	c.Now = func() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }
	reply, err := c.Do(t.Context(), post(c))
	if err != nil {
		t.Fatal(err)
	}
	return c, reply
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		retryAfter, date string
		want             time.Duration
	}{
		{"", "", 0},
		{"7", "", 7 * time.Second},
		{" 7 ", "", 7 * time.Second},
		{"-7", "", 0},
		{"soon", "", 0},
		{"99999999", "", 24 * time.Hour},
		{"99999999999999999999", "", 0},
		{"1.5", "", 1500 * time.Millisecond},
		{"30.0", "", 30 * time.Second},
		{"0", "", 0},
		{"-0.5", "", 0},
		{"1e3", "", 1000 * time.Second},
		{"1e400", "", 0},
		{"NaN", "", 0},
		{"+Inf", "", 0},
		{"0x10", "", 0},
		{"1_000", "", 0},
		{"7, 9", "", 0},
		{"7s", "", 0},
		{"", "Thu, 01 Jan 2026 12:00:00 GMT", 0},
		{"1767268809", "", 9 * time.Second}, // 2026-01-01 12:00:09
		{"1767268809", "Thu, 01 Jan 2026 11:59:59 GMT", 10 * time.Second},
		{"1767268809000", "", 9 * time.Second},
		{"1767268809.5", "", 9500 * time.Millisecond},
		{"1767268800", "", 0},
		{"1767268000", "", 0},
		{"1000000000", "", 0}, // 2001
		{"4102444800", "", 24 * time.Hour},
		{"999999999", "", 24 * time.Hour},
		{"2026-01-01T12:00:09Z", "", 9 * time.Second},
		{"2026-01-01T14:00:09+02:00", "", 9 * time.Second},
		{"Thu, 01 Jan 2026 12:00:09 UTC", "", 9 * time.Second},
		{"Thu, 01 Jan 2026 12:00:09 +0000", "", 9 * time.Second},
		{"Thursday, 01-Jan-26 12:00:09 GMT", "", 9 * time.Second},
		{"Thu, 01 Jan 2026 12:00:09 GMT", "", 9 * time.Second},
		{"Thu, 01 Jan 2026 15:00:09 GMT", "Thu, 01 Jan 2026 15:00:00 GMT", 9 * time.Second},
		{"Thu, 01 Jan 2026 11:00:00 GMT", "", 0},
		{"Thu, 01 Jan 2099 11:00:00 GMT", "", 24 * time.Hour},
	} {
		header := map[string]string{"Retry-After": test.retryAfter}
		if test.date != "" {
			header["Date"] = test.date
		}
		failure := answer(t, http.StatusTooManyRequests, header).Malformed("HTML")
		if failure.RetryAfter != test.want || failure.Kind != rotation.RateLimited {
			t.Errorf("%q gives %v", test.retryAfter, failure)
		}
	}
}

func TestSkewIsNamedOnlyWhereTheClockIsBlamed(t *testing.T) {
	t.Parallel()
	rows := []rotation.ErrorRow{{Code: "Expired", Kind: rotation.ClockSkew, Hint: "hint"}, {Code: "Other", Kind: rotation.Target, Hint: "hint"}}
	for date, want := range map[string]string{
		"Thu, 01 Jan 2026 12:16:00 GMT": "16m0s behind",
		"Thu, 01 Jan 2026 11:54:59 GMT": "5m1s ahead",
		"yesterday":                     "no Date",
	} {
		reply := answer(t, http.StatusBadRequest, map[string]string{"Date": date})
		if text := reply.Refusal(rows, "Expired", "").Error(); !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
		if text := reply.Refusal(rows, "Other", "").Error(); strings.Contains(text, "clock") {
			t.Errorf("%q blames the clock", text)
		}
	}
}

func TestRequestsAreSignedByTheClockOfAProviderThatRefusedOurs(t *testing.T) {
	t.Parallel()
	rows := []rotation.ErrorRow{{Code: "Expired", Kind: rotation.ClockSkew}, {Code: "Other", Kind: rotation.Target}}
	for _, test := range []struct {
		date, code string
		want       time.Duration // from this machine's clock
	}{
		{"Thu, 01 Jan 2026 11:00:00 GMT", "Expired", -time.Hour},
		{"Thu, 01 Jan 2026 13:00:00 GMT", "Expired", time.Hour},
		{"Thu, 01 Jan 2026 11:00:00 GMT", "Other", 0},
		{"Thu, 01 Jan 1970 00:00:00 GMT", "Expired", 0},
		{"yesterday", "Expired", 0},
	} {
		client, reply := answerOf(t, http.StatusBadRequest, map[string]string{"Date": test.date})
		refused := reply.Refusal(rows, test.code, "")
		if soon := refused.RetryAfter > 0; soon != (test.want != 0) {
			t.Errorf("after %s with %q it is to be tried again after %v", test.code, test.date, refused.RetryAfter)
		}
		if again := reply.Refusal(rows, test.code, ""); again.RetryAfter > 0 {
			t.Errorf("refused for the provider's own time, it is to be tried again after %v", again.RetryAfter)
		}
		if got := client.SignTime().Sub(client.Now()); got != test.want {
			t.Errorf("after %s with %q requests are signed %v from this machine's clock, want %v", test.code, test.date, got, test.want)
		}
	}
}

func TestCodesThatAreNotCodesAreNotRepeated(t *testing.T) {
	t.Parallel()
	reply := answer(t, http.StatusBadRequest, nil)
	for _, code := range []string{"https://example.com/?pw=x", "a\nb", strings.Repeat("x", 129), "pässword", "<html>"} {
		if failure := reply.Refusal(table, code, code); failure.Code != "unreadable" || failure.RequestID != "unreadable" {
			t.Errorf("%q is repeated as %q and %q", code, failure.Code, failure.RequestID)
		}
	}
}

func TestEndpointsAreChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://dm.aliyuncs.com":         "https://dm.aliyuncs.com/",
		"dm.aliyuncs.com":                 "https://dm.aliyuncs.com/",
		"http://127.0.0.1:8080":           "http://127.0.0.1:8080/",
		"http://[::1]:8080/":              "http://[::1]:8080/",
		"https://proxy.example.com/enom/": "https://proxy.example.com/enom/",
		"":                                "",
		"https://":                        "",
		"https://host:":                   "",
		"https://host:port":               "",
		"ftp://example.com":               "",
		"https://user:" + canary + "@example.com":    "",
		"https://example.com/?pw=" + canary:          "",
		"https://example.com/?":                      "",
		"https://example.com/#" + canary:             "",
		"https://exämple.com":                        "",
		"https://example.com/%zz" + canary:           "",
		"mailto:" + canary + "@example.com":          "",
		"https://example.com:443:443/" + canary:      "",
		" https://example.com/" + canary:             "",
		"https://example.com\x7f/" + canary + "\n\r": "",
	} {
		got, err := httpx.ParseEndpoint(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q is %v, %v; want %q", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%v repeats the endpoint", err)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, seed := range []string{"https://example.com", "host:1", "http://[::1]/a?b#c", "//x", "http:///x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := httpx.ParseEndpoint(text)
		if err != nil {
			return
		}
		if u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q was accepted as %v", text, u)
		}
		if again, err := url.Parse(u.String()); err != nil || again.Host != u.Host {
			t.Errorf("%v does not come back: %v, %v", u, again, err)
		}
	})
}

func TestSettingsAreCheckedByName(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*rotation.Settings){
		"endpoint":         func(s *rotation.Settings) { s.Endpoint = "" },
		`no region "mars"`: func(s *rotation.Settings) { s.Region = "mars" },
		`key "token" is missing`: func(s *rotation.Settings) {
			s.Keys = map[string]secret.Value{"another": secret.New("x"), "token": secret.New("")}
		},
		"is a line break": func(s *rotation.Settings) { s.Keys = map[string]secret.Value{"token": secret.New("x\n")} },
		"timeout":         func(s *rotation.Settings) { s.Timeout = 0 },
	} {
		s := settings("https://example.com")
		spoil(&s)
		if _, err := httpx.New(testProvider, s, httpx.Pooled); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	bare := testProvider
	bare.Regions = nil
	s := settings("https://example.com")
	s.Region = "here"
	if _, err := httpx.New(bare, s, httpx.Pooled); err == nil || !strings.Contains(err.Error(), "no regions") {
		t.Errorf("got %v", err)
	}
}
