package core_test

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"keyturn/internal/sandbox/core"
)

// addressed are the guards' tests: each knows one address, and begins with a password that is live.
func addressed(t *testing.T, guard core.Fault) (b bench, right, wrong func() int) {
	t.Helper()
	b = start(t)
	b.set(newPassword)
	b.Inject(guard)
	return b, func() int { return b.login(newPassword) }, func() int { return b.login("WRong12345678") }
}

func TestSMTPLimitsTheLoginsOfAnAddress(t *testing.T) {
	t.Parallel()
	b, right, wrong := addressed(t, core.Fault{Kind: core.AuthLimit, Limit: 2})
	if got := []int{right(), wrong(), right(), wrong()}; !slices.Equal(got, []int{235, 535, 450, 450}) {
		t.Errorf("answers %v", got)
	}
	b.Clock.Advance(time.Minute + time.Second)
	if code := right(); code != 235 {
		t.Errorf("in the next window: %d", code)
	}
	if n := b.Stats()[plain].Faults[core.AuthLimit]; n != 2 {
		t.Errorf("struck %d times", n)
	}
}

func TestSMTPBansAnAddressThatIsRefusedTooOften(t *testing.T) {
	t.Parallel()
	b, right, wrong := addressed(t, core.Fault{Kind: core.Ban, Limit: 3})
	banned := func() bool {
		for _, addr := range []string{b.Ready().SMTP[plain], b.Ready().STARTTLS[plain]} {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
			if err != nil {
				continue
			}
			_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // TLS waits for the client, whose address is let in
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
			if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				return false
			}
		}
		return true
	}
	if got := []int{wrong(), wrong(), right()}; !slices.Equal(got, []int{535, 535, 235}) {
		t.Errorf("answers %v", got)
	}
	b.Clock.Advance(10*time.Minute + time.Second)
	if got := []int{wrong(), wrong(), wrong()}; !slices.Equal(got, []int{535, 535, 535}) || !banned() {
		t.Errorf("three within ten minutes: answers %v, banned %v", got, banned())
	}
	b.Clock.Advance(10*time.Minute + time.Second)
	if code := right(); code != 235 {
		t.Errorf("after the ban: %d", code)
	}
	wrong()
	wrong()
	wrong()
	b.ClearFaults()
	if code := right(); code != 235 {
		t.Errorf("after the fault was dropped: %d", code)
	}
}

func TestSMTPHoldsAnswersBackAfterARefusal(t *testing.T) {
	t.Parallel()
	b, right, wrong := addressed(t, core.Fault{Kind: core.Penalty, Delay: core.Duration(time.Millisecond)})
	if got := []int{right(), wrong(), wrong(), right()}; !slices.Equal(got, []int{235, 535, 535, 235}) {
		t.Errorf("answers %v", got)
	}
	if n := b.Stats()[plain].Faults[core.Penalty]; n != 2 {
		t.Errorf("struck %d times", n)
	}
}

func TestAFaultEndsWithItsTime(t *testing.T) {
	t.Parallel()
	const lasts = 8 * time.Second
	for _, f := range []core.Fault{{Kind: core.Reject, At: core.AtSMTP}, {Kind: core.AuthLimit, Limit: 1, Delay: core.Duration(time.Minute)}} {
		f.For = core.Duration(lasts)
		b, right, _ := addressed(t, f)
		right()
		if code := right(); code == 235 {
			t.Errorf("%s: a login while it lasts: %d", f.Kind, code)
		}
		b.Clock.Advance(lasts)
		if code := right(); code != 235 {
			t.Errorf("%s: a login after its time: %d", f.Kind, code)
		}
		if left := b.Faults(); len(left) != 0 {
			t.Errorf("%s: still there after its time: %v", f.Kind, left)
		}
	}
}

func TestAGuardStandsOverAllLogins(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, f := range []core.Fault{
		{Kind: core.Ban, Target: target},
		{Kind: core.Ban, Count: 3},
		{Kind: core.Ban, At: core.AtAPI},
		{Kind: core.Ban, Limit: -1},
		{Kind: core.AuthLimit, Probability: 0.5},
		{Kind: core.Reject, Limit: 3},
		{Kind: core.Penalty, Limit: 3},
		{Kind: core.Penalty, For: -1},
	} {
		if _, err := b.AddFaults(f); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}
