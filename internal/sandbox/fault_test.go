package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const newPassword = "NEwpass12345"

// TestFaultsStrikeOnceAndDoWhatTheySay drives every kind against the same call.
func TestFaultsStrikeOnceAndDoWhatTheySay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		fault   Fault
		changes bool   // the password was set
		cut     bool   // no whole reply arrived
		code    string // Tencent's code in the reply
		body    string // part of a body that is none of Tencent's
	}{
		{"lose_request", Fault{Kind: LoseRequest}, false, true, "", ""},
		{"lose_reply", Fault{Kind: LoseReply}, true, true, "", ""},
		{"delay", Fault{Kind: Delaying, Delay: Duration(time.Millisecond)}, true, false, "", ""},
		{"delay after", Fault{Kind: Delaying, When: After, Delay: Duration(time.Millisecond)}, true, false, "", ""},
		{"rate_limit", Fault{Kind: RateLimit}, false, false, "RequestLimitExceeded", ""},
		{"server_error", Fault{Kind: ServerError}, false, false, "InternalError", ""},
		{"server_error after", Fault{Kind: ServerError, When: After}, true, false, "InternalError", ""},
		{"unavailable", Fault{Kind: Unavailable}, false, false, "FailedOperation.ServiceNotAvailable", ""},
		{"repeat", Fault{Kind: Repeat}, false, false, "OperationDenied.RepeatPassWord", ""},
		{"reject", Fault{Kind: Reject}, false, false, "InvalidParameterValue.InvalidSmtpPassWord", ""},
		{"unauthorized", Fault{Kind: Unauthorized, Code: "UnauthorizedOperation"}, false, false, "UnauthorizedOperation", ""},
		{"not_found", Fault{Kind: NotFound}, false, false, "InvalidParameterValue.NoSuchSender", ""},
		{"code", Fault{Kind: WithCode, Code: "IpNotInWhitelist"}, false, false, "IpNotInWhitelist", ""},
		{"code after", Fault{Kind: WithCode, When: After, Code: "ResourceUnavailable"}, true, false, "ResourceUnavailable", ""},
		{"html", Fault{Kind: HTML}, false, false, "", "<html>"},
		{"html after", Fault{Kind: HTML, When: After}, true, false, "", "<html>"},
		{"truncated", Fault{Kind: Truncated}, true, true, "", ""},
		{"empty", Fault{Kind: Empty}, false, false, "", "empty"},
		{"empty after", Fault{Kind: Empty, When: After}, true, false, "", "empty"},
		{"wrong_charset", Fault{Kind: WrongCharset}, true, false, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, with(TencentSES, ProviderConfig{Rate: &Rate{}}))
			test.fault.Provider, test.fault.Target = TencentSES, sender
			b.inject(test.fault)
			a := b.setTencent(newPassword)
			if cut := a.err != nil; cut != test.cut {
				t.Fatalf("cut %v (%v), want %v", cut, a.err, test.cut)
			}
			if changed := b.state(TencentSES, sender).Live == newPassword; changed != test.changes {
				t.Errorf("changed %v, want %v", changed, test.changes)
			}
			switch {
			case test.cut:
			case test.body == "empty":
				if a.body != "" || a.status != http.StatusOK {
					t.Errorf("%d %q", a.status, a.body)
				}
			case test.body != "":
				if !strings.Contains(a.body, test.body) {
					t.Errorf("body %q", a.body)
				}
			default:
				if code := tencentCode(t, a); code != test.code {
					t.Errorf("code %q, want %q", code, test.code)
				}
			}
			if n := b.Stats()[TencentSES].Faults[test.fault.Kind]; n != 1 || len(b.Faults()) != 0 {
				t.Errorf("struck %d times, %d left", n, len(b.Faults()))
			}
			if code := tencentCode(t, b.setTencent("OTherpass6789")); code != "" {
				t.Errorf("the call after: %s", code)
			}
		})
	}
}

func TestWrongCharsetLeavesTheBytesAlone(t *testing.T) {
	t.Parallel()
	b := start(t, unlimitedEnom(Options{}))
	b.inject(Fault{Provider: Enom, Kind: WrongCharset, Op: "*"})
	a := b.enom("GetPasswordBit", "responsetype", "xml")
	if !strings.HasPrefix(a.body, `<?xml version="1.0" encoding="utf-16"?>`) || a.header.Get("Content-Type") != "text/xml; charset=utf-16" {
		t.Errorf("%v %s", a.header, a.body)
	}
}

func TestNotDoneSaysThatTheReplyIsNotWhole(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{"xml": "<Done>false</Done>", "text": "Done=false\n", "html": "Done: </STRONG>false<br>"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			b := start(t, unlimitedEnom(Options{}))
			b.inject(Fault{Provider: Enom, Kind: NotDone})
			if a := b.enom("SetPassword", "DomainPassword", newPassword, "responsetype", form); !strings.Contains(a.body, want) {
				t.Errorf("%s", a.body)
			}
			if s := b.state(Enom, enomDomain); s.Live != newPassword {
				t.Errorf("live %q", s.Live)
			}
		})
	}
}

func TestRateLimitFaultsLookLikeEachProvidersOwn(t *testing.T) {
	t.Parallel()
	b := start(t, unlimitedEnom(Options{}))
	b.inject(Fault{Kind: RateLimit, RetryAfter: Duration(1500 * time.Millisecond), Count: 3})
	if a := b.resetKirim(); a.status != 429 || a.header.Get("Retry-After") != "2" {
		t.Errorf("kirim: %d %v", a.status, a.header)
	}
	if a := b.acs3(directMailSet(newPassword)); a.status != 400 || a.header.Get("X-Ratelimit-User-Api") != "Remain:0,TimeLeft:1500" {
		t.Errorf("directmail: %d %v", a.status, a.header)
	}
	if a := b.enom("SetPassword", "DomainPassword", newPassword); a.status != 429 {
		t.Errorf("enom: %d", a.status)
	}
	for _, code := range []string{KirimEmail, AlibabaDirectMail, Enom} {
		if s := b.Stats()[code]; s.RateLimited != 1 || s.Injected429 != 1 || s.Accepted != 0 {
			t.Errorf("%s: %+v", code, s)
		}
	}
}

func TestASuccessFalseWithStatus200CanBeAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.inject(Fault{Kind: WithCode, Code: "InvalidDomainStatus.Malformed", Status: 200, Count: 2})
	if a := b.acs3(directMailSet(newPassword)); a.status != 200 || !strings.Contains(a.body, `"Success":"false"`) ||
		alibabaCode(t, a) != "InvalidDomainStatus.Malformed" {
		t.Errorf("directmail: %d %s", a.status, a.body)
	}
	if a := b.resetKirim(); a.status != 200 || readKirim(t, a).Success {
		t.Errorf("kirim: %d %s", a.status, a.body)
	}
}

func TestADelayedRequestLandsEvenIfItsSenderIsGone(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.inject(Fault{Kind: Hold, When: Before})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan answered)
	r := b.tencentRequest(tencentBody(sender, newPassword)).WithContext(ctx)
	go func() { done <- b.do(r) }()
	eventually(t, "held", func() bool { return len(b.Holds()) == 1 })
	cancel()
	if a := <-done; a.err == nil {
		t.Fatal("the client got a reply")
	}
	if s := b.state(TencentSES, sender); s.Version != 0 {
		t.Fatalf("landed too early: %+v", s)
	}
	b.post("/release", "")
	eventually(t, "landed", func() bool { return b.state(TencentSES, sender).Live == newPassword })
}

func TestAHeldReplyWaitsForItsRelease(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.inject(Fault{Provider: TencentSES, Kind: Hold})
	done := make(chan answered)
	r := b.tencentRequest(tencentBody(sender, newPassword))
	go func() { done <- b.do(r) }()
	eventually(t, "held", func() bool { return b.Stats()[TencentSES].Holding == 1 })
	held := b.Holds()[0]
	if held.Target != sender || held.Op != tencentOp || held.Remote == "" || b.state(TencentSES, sender).Live != newPassword {
		t.Errorf("held %+v", held)
	}
	b.post("/release", `{"provider":"kirimemail"}`)
	if len(b.Holds()) != 1 {
		t.Fatal("released by another provider's name")
	}
	if got := b.post("/release", `{"provider":"tencent-ses"}`); got != "{\"released\":1}\n" {
		t.Errorf("release: %s", got)
	}
	if code := tencentCode(t, <-done); code != "" {
		t.Errorf("code %s", code)
	}
}

func TestAHeldReplyWhoseClientDiesIsCountedAsLost(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.inject(Fault{Kind: Hold})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan answered)
	r := b.tencentRequest(tencentBody(sender, newPassword)).WithContext(ctx)
	go func() { done <- b.do(r) }()
	eventually(t, "held", func() bool { return len(b.Holds()) == 1 })
	cancel()
	<-done
	eventually(t, "given up", func() bool { return len(b.Holds()) == 0 && b.Stats()[TencentSES].LostReplies == 1 })
	if s := b.Stats()[TencentSES]; s.Accepted != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestFaultsStrikeOnlyWhatTheyName(t *testing.T) {
	t.Parallel()
	b := start(t, unlimitedEnom(Options{}))
	b.inject(
		Fault{Provider: Enom, Kind: ServerError},
		Fault{Provider: Enom, Op: enomValidate, Kind: Unavailable},
		Fault{Provider: KirimEmail, Target: "someone@example.com", Kind: ServerError},
		Fault{Provider: KirimEmail, Target: "myuser@example.com", Kind: Unavailable},
	)
	if a := b.enom("GetPasswordBit"); !strings.Contains(a.body, "ErrCount=0") {
		t.Errorf("a read was struck: %s", a.body)
	}
	if a := b.enom("ValidatePassword", "DomainPassword", "x"); !strings.Contains(a.body, "=618153") {
		t.Errorf("ValidatePassword: %s", a.body)
	}
	if a := b.resetKirim(); a.status != 503 {
		t.Errorf("kirim by user name: %d", a.status)
	}
	if left := b.Faults(); len(left) != 2 || left[0].Provider != Enom || left[1].Target != "someone@example.com" {
		t.Errorf("left %+v", left)
	}
}

func TestFaultsByChanceRepeatWithTheSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		b := start(t, with(TencentSES, ProviderConfig{Rate: &Rate{}}), func(c *Config) { c.Seed = seed })
		b.inject(Fault{Kind: ServerError, Probability: 0.5})
		var pattern strings.Builder
		for i := range 64 {
			pattern.WriteString(map[bool]string{true: "x", false: "."}[tencentCode(t, b.setTencent("ABcdef123"+string(rune('A'+i%26)))) == "InternalError"])
		}
		return pattern.String()
	}
	first := run(7)
	if n := strings.Count(first, "x"); n < 16 || n > 48 {
		t.Errorf("%d of 64 struck at 0.5", n)
	}
	if again := run(7); again != first {
		t.Errorf("%s\n%s", first, again)
	}
	if other := run(8); other == first {
		t.Error("another seed gave the same choices")
	}
}

func TestNonsenseFaultsAreRefusedByName(t *testing.T) {
	t.Parallel()
	b := start(t)
	tests := []struct{ body, want string }{
		{`{"kind":"explode"}`, `fault kind "explode" is unknown`},
		{`{"kind":"delay","provider":"gmail"}`, `provider "gmail" is unknown`},
		{`{"kind":"lose_reply","when":"before"}`, "fault lose_reply strikes [after], not \"before\""},
		{`{"kind":"html","at":"smtp"}`, "fault html does not exist at smtp"},
		{`{"kind":"delay","at":"moon"}`, `faults strike at api or smtp, not at "moon"`},
		{`{"kind":"repeat","probability":2}`, "probability 2 is not between 0 and 1"},
		{`{"kind":"delay","delay":"1h"}`, "a delay is between 0 and 10m0s, and so are retry_after and for"},
		{`{"kind":"not_done","provider":"kirimemail"}`, "fault not_done exists at enom only"},
		{`{"kind":"code"}`, "fault code needs a code"},
		{`{"kind":"html","status":42}`, "status 42 is not an HTTP status that ends a request"},
		{`[{"kind":"delay"},{"kind":"explode"}]`, `fault kind "explode" is unknown`},
		{`{"kind":"delay","dealy":"1s"}`, `json: unknown field "dealy"`},
	}
	for _, test := range tests {
		a := b.do(b.request(http.MethodPost, b.Ready().Admin+"/faults", test.body))
		if a.status != http.StatusBadRequest || strings.TrimSpace(a.body) != test.want {
			t.Errorf("%s: %d %s", test.body, a.status, a.body)
		}
	}
	if left := b.Faults(); len(left) != 0 {
		t.Errorf("left %+v", left)
	}
}

// TestTheManualListsEveryKindOfFault keeps the table of docs/sandbox.md.
func TestTheManualListsEveryKindOfFault(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "sandbox.md"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, trait := range traits {
		places := make([]string, len(trait.places))
		for i, place := range trait.places {
			places[i] = string(place)
		}
		if row := fmt.Sprintf("| %s | %s |", kind, strings.Join(places, ", ")); !strings.Contains(string(manual), row) {
			t.Errorf("docs/sandbox.md lacks %q", row)
		}
	}
}
