package sandboxtest

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyturn/internal/sandbox/core"
)

// Driver is how the tests of one stand-in change the password of its first target.
type Driver struct {
	core.StandIn
	// Place is how a fault calls what the calls of Set are about; "" means the first target.
	Place string
	// Set asks for a password, or for any if the provider makes it.
	Set func(b *Bench, password string) Answer
	// Refused reads the provider's code from a whole reply; "" is a success.
	Refused func(t testing.TB, a Answer) string
	// Codes are the provider's words for what it refuses.
	Codes map[core.Kind]string
}

// CheckFaults drives every kind of fault that all stand-ins have, but hold, against the same call.
func CheckFaults(t *testing.T, d Driver) {
	t.Helper()
	tests := []struct {
		name    string
		fault   core.Fault
		changes bool   // the password was set
		cut     bool   // no whole reply arrived
		body    string // part of a body that is none of the provider's
	}{
		{"lose_request", core.Fault{Kind: core.LoseRequest}, false, true, ""},
		{"lose_reply", core.Fault{Kind: core.LoseReply}, true, true, ""},
		{"delay", core.Fault{Kind: core.Delaying, Delay: core.Duration(time.Millisecond)}, true, false, ""},
		{"delay after", core.Fault{Kind: core.Delaying, When: core.After, Delay: core.Duration(time.Millisecond)}, true, false, ""},
		{"rate_limit", core.Fault{Kind: core.RateLimit}, false, false, ""},
		{"server_error", core.Fault{Kind: core.ServerError}, false, false, ""},
		{"server_error after", core.Fault{Kind: core.ServerError, When: core.After}, true, false, ""},
		{"unavailable", core.Fault{Kind: core.Unavailable}, false, false, ""},
		{"repeat", core.Fault{Kind: core.Repeat}, false, false, ""},
		{"reject", core.Fault{Kind: core.Reject}, false, false, ""},
		{"unauthorized", core.Fault{Kind: core.Unauthorized}, false, false, ""},
		{"unauthorized by another code", core.Fault{Kind: core.Unauthorized, Code: "UnauthorizedOperation"}, false, false, ""},
		{"not_found", core.Fault{Kind: core.NotFound}, false, false, ""},
		{"code", core.Fault{Kind: core.WithCode, Code: "IpNotInWhitelist"}, false, false, ""},
		{"code after", core.Fault{Kind: core.WithCode, When: core.After, Code: "ResourceUnavailable"}, true, false, ""},
		{"html", core.Fault{Kind: core.HTML}, false, false, "<html>"},
		{"html after", core.Fault{Kind: core.HTML, When: core.After}, true, false, "<html>"},
		{"truncated", core.Fault{Kind: core.Truncated}, true, true, ""},
		{"empty", core.Fault{Kind: core.Empty}, false, false, "empty"},
		{"empty after", core.Fault{Kind: core.Empty, When: core.After}, true, false, "empty"},
		{"wrong_charset", core.Fault{Kind: core.WrongCharset}, true, false, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := Start(t, []core.StandIn{d.StandIn}, With(d.Code, core.ProviderConfig{Rate: &core.Rate{}}))
			code := d.Code
			test.fault.Provider, test.fault.Target = code, cmp.Or(d.Place, d.Targets[0].Target)
			b.Inject(test.fault)
			a := d.Set(b, "NEwpass12345")
			if cut := a.Err != nil; cut != test.cut {
				t.Fatalf("cut %v (%v), want %v", cut, a.Err, test.cut)
			}
			if changed := passwords(b, code) == 1; changed != test.changes {
				t.Errorf("changed %v, want %v", changed, test.changes)
			}
			if !test.cut {
				d.check(t, a, test.fault, test.body)
			}
			if n := b.Stats()[code].Faults[test.fault.Kind]; n != 1 || len(b.Faults()) != 0 {
				t.Errorf("struck %d times, %d left", n, len(b.Faults()))
			}
			if code := d.Refused(t, d.Set(b, "OTherpass6789")); code != "" {
				t.Errorf("the call after: %s", code)
			}
		})
	}
}

// passwords counts those that a stand-in has taken or made.
func passwords(b *Bench, code string) (n int) {
	for _, state := range b.State()[code] {
		n += state.Version
	}
	return n
}

// check wants a body that is none of the provider's, or the provider's code for the fault.
func (d Driver) check(t *testing.T, a Answer, f core.Fault, body string) {
	t.Helper()
	want := d.Codes[f.Kind]
	if f.Code != "" {
		want = f.Code
	}
	switch {
	case body == "empty":
		if a.Body != "" || a.Status >= http.StatusMultipleChoices {
			t.Errorf("%d %q", a.Status, a.Body)
		}
	case body != "":
		if !strings.Contains(a.Body, body) {
			t.Errorf("body %q", a.Body)
		}
	default:
		if code := d.Refused(t, a); code != want {
			t.Errorf("code %q, want %q", code, want)
		}
	}
}
