package kirimemail

import (
	"testing"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set:     func(b *sandboxtest.Bench, _ string) sandboxtest.Answer { return bench{b}.reset() },
		Refused: func(t testing.TB, a sandboxtest.Answer) string {
			t.Helper()
			if out := read(t, a); !out.Success {
				return out.Message
			}
			return ""
		},
		Codes: map[core.Kind]string{
			core.RateLimit: "Too many attempts. Please try again later.", core.Unavailable: "Service unavailable",
			core.ServerError: "An error occurred while processing the request.", core.Repeat: "Validation failed",
			core.Reject: "Validation failed", core.Unauthorized: "Unauthorized", core.NotFound: "Credential not found",
		},
	})
}

func TestARateLimitFaultSaysHowLongToWaitInWholeSeconds(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: core.RateLimit, RetryAfter: core.Duration(1500 * time.Millisecond)})
	if a := b.reset(); a.Status != 429 || a.Header.Get("Retry-After") != "2" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	if s := b.Stats()[Code]; s.RateLimited != 1 || s.Injected429 != 1 || s.Accepted != 0 {
		t.Errorf("%+v", s)
	}
}

func TestASuccessFalseWithStatus200CanBeAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: core.WithCode, Code: "any", Status: 200})
	if a := b.reset(); a.Status != 200 || read(t, a).Success {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestAFaultFindsACredentialByItsUserName(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(
		core.Fault{Provider: Code, Target: "someone@example.com", Kind: core.ServerError},
		core.Fault{Provider: Code, Target: "myuser@example.com", Kind: core.Unavailable},
	)
	if a := b.reset(); a.Status != 503 {
		t.Errorf("by user name: %d", a.Status)
	}
	if left := b.Faults(); len(left) != 1 || left[0].Target != "someone@example.com" {
		t.Errorf("left %+v", left)
	}
}

func TestKirimSaysWhenTheSMTPSideIsNotSynced(t *testing.T) {
	t.Parallel()
	b := start(t)
	first := read(t, b.reset()).Data.NewPassword
	b.Inject(core.Fault{Kind: core.NotSynced, Delay: core.Duration(10 * time.Second)}, core.Fault{Kind: core.LoseReply})
	if a := b.reset(); a.Err == nil {
		t.Fatal("both faults should strike one call")
	}
	b.Inject(core.Fault{Kind: core.NotSynced, Delay: core.Duration(10 * time.Second)})
	out := read(t, b.reset())
	if out.Data.RemoteSynced {
		t.Error("remote_synced is true")
	}
	if was, is := b.Login(Code, "myuser", first), b.Login(Code, "myuser", out.Data.NewPassword); was != 235 || is != 535 {
		t.Errorf("before: old %d, new %d", was, is)
	}
	b.Clock.Advance(11 * time.Second)
	if is := b.Login(Code, "myuser", out.Data.NewPassword); is != 235 {
		t.Errorf("after: new %d", is)
	}
}
