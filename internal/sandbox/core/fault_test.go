package core_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

const newPassword = "NEwpass12345"

func TestFaultsStrikeOnceAndDoWhatTheySay(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: standIns()[2],
		Set:     func(b *sandboxtest.Bench, password string) sandboxtest.Answer { return bench{b}.set(password) },
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "slowly", core.ServerError: "broken", core.Unavailable: "closed", core.Repeat: "repeat",
			core.Reject: "rule", core.Unauthorized: "keys", core.NotFound: "unknown",
		},
	})
}

func TestAFaultWithoutAProviderStrikesAll(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: core.RateLimit, Count: 2})
	for _, code := range []string{plain, other} {
		if got := refused(t, b.setAt(code, newPassword)); got != "slowly" {
			t.Errorf("%s: %q", code, got)
		}
		if s := b.Stats()[code]; s.RateLimited != 1 || s.Injected429 != 1 || s.Accepted != 0 {
			t.Errorf("%s: %+v", code, s)
		}
	}
}

func TestAFaultOfAStandInsOwnStrikesThereOnly(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: garbled})
	if left := b.Faults(); len(left) != 1 || left[0].Provider != other || left[0].When != core.After {
		t.Errorf("taken as %+v", left)
	}
	if a := b.set(newPassword); a.Body != `{"code":""}` {
		t.Errorf("plain: %s", a.Body)
	}
	if a := b.setAt(other, newPassword); a.Body != `{"CODE":""}` || b.Target(other, target).Live != newPassword {
		t.Errorf("other: %s", a.Body)
	}
}

func TestFaultsStrikeOnlyWhatTheyName(t *testing.T) {
	t.Parallel()
	b := start(t, unlimited(other))
	b.Inject(
		core.Fault{Provider: other, Kind: core.ServerError},
		core.Fault{Provider: other, Op: "get", Kind: core.Unavailable, Target: target},
		core.Fault{Provider: plain, Target: "someone@example.com", Kind: core.ServerError},
		core.Fault{Provider: plain, Target: target, Kind: core.Unavailable},
	)
	read := func() sandboxtest.Answer { return b.Do(b.request(http.MethodGet, other, target, "")) }
	if got := refused(t, read()); got != "closed" {
		t.Errorf("a read that is named: %q", got)
	}
	if got := refused(t, read()); got != "" {
		t.Errorf("a read was struck: %q", got)
	}
	if got := refused(t, b.set(newPassword)); got != "closed" {
		t.Errorf("plain: %q", got)
	}
	if left := b.Faults(); len(left) != 2 || left[0].Provider != other || left[1].Target != "someone@example.com" {
		t.Errorf("left %+v", left)
	}
}

func TestADelayedRequestLandsEvenIfItsSenderIsGone(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: core.Hold, When: core.Before})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan sandboxtest.Answer)
	r := b.request(http.MethodPut, plain, target, newPassword).WithContext(ctx)
	go func() { done <- b.Do(r) }()
	sandboxtest.Eventually(t, "held", func() bool { return len(b.Holds()) == 1 })
	cancel()
	if a := <-done; a.Err == nil {
		t.Fatal("the client got a reply")
	}
	if s := b.Target(plain, target); s.Version != 0 {
		t.Fatalf("landed too early: %+v", s)
	}
	b.Post("/release", "")
	sandboxtest.Eventually(t, "landed", func() bool { return b.Target(plain, target).Live == newPassword })
}

func TestAHeldReplyWaitsForItsRelease(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Provider: plain, Kind: core.Hold})
	done := make(chan sandboxtest.Answer)
	r := b.request(http.MethodPut, plain, target, newPassword)
	go func() { done <- b.Do(r) }()
	sandboxtest.Eventually(t, "held", func() bool { return b.Stats()[plain].Holding == 1 })
	held := b.Holds()[0]
	if held.Target != target || held.Op != "set" || held.Remote == "" || b.Target(plain, target).Live != newPassword {
		t.Errorf("held %+v", held)
	}
	b.Post("/release", `{"provider":"other"}`)
	if len(b.Holds()) != 1 {
		t.Fatal("released by another provider's name")
	}
	if got := b.Post("/release", `{"provider":"plain"}`); got != "{\"released\":1}\n" {
		t.Errorf("release: %s", got)
	}
	if code := refused(t, <-done); code != "" {
		t.Errorf("code %s", code)
	}
}

func TestAHeldReplyWhoseClientDiesIsCountedAsLost(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: core.Hold})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan sandboxtest.Answer)
	r := b.request(http.MethodPut, plain, target, newPassword).WithContext(ctx)
	go func() { done <- b.Do(r) }()
	sandboxtest.Eventually(t, "held", func() bool { return len(b.Holds()) == 1 })
	cancel()
	<-done
	sandboxtest.Eventually(t, "given up", func() bool { return len(b.Holds()) == 0 && b.Stats()[plain].LostReplies == 1 })
	if s := b.Stats()[plain]; s.Accepted != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestFaultsByChanceRepeatWithTheSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		b := start(t, unlimited(plain), func(c *core.Config) { c.Seed = seed })
		b.Inject(core.Fault{Kind: core.ServerError, Probability: 0.5})
		var pattern strings.Builder
		for i := range 64 {
			pattern.WriteString(map[bool]string{true: "x", false: "."}[refused(t, b.set("ABcdef123"+string(rune('A'+i%26)))) == "broken"])
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
		{`{"kind":"garbled","provider":"plain"}`, "fault garbled exists at other only"},
		{`{"kind":"code"}`, "fault code needs a code"},
		{`{"kind":"html","status":42}`, "status 42 is not an HTTP status that ends a request"},
		{`[{"kind":"delay"},{"kind":"explode"}]`, `fault kind "explode" is unknown`},
		{`{"kind":"delay","dealy":"1s"}`, `json: unknown field "dealy"`},
	}
	for _, test := range tests {
		a := b.Do(b.Request(http.MethodPost, b.Ready().Admin+"/faults", test.body))
		if a.Status != http.StatusBadRequest || strings.TrimSpace(a.Body) != test.want {
			t.Errorf("%s: %d %s", test.body, a.Status, a.Body)
		}
	}
	if left := b.Faults(); len(left) != 0 {
		t.Errorf("left %+v", left)
	}
}
