package sandbox

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"
)

// addressed are the guards' tests: each knows one address, and begins with a password that is live.
func addressed(t *testing.T, guard Fault) (b *bench, right, wrong func() int) {
	t.Helper()
	b = start(t)
	b.setTencent(newPassword)
	b.inject(guard)
	return b, func() int { return b.login(TencentSES, sender, newPassword) }, func() int { return b.login(TencentSES, sender, "WRong12345678") }
}

func TestSMTPLimitsTheLoginsOfAnAddress(t *testing.T) {
	t.Parallel()
	b, right, wrong := addressed(t, Fault{Kind: AuthLimit, Limit: 2})
	if got := []int{right(), wrong(), right(), wrong()}; !slices.Equal(got, []int{235, 535, 450, 450}) {
		t.Errorf("answers %v", got)
	}
	b.clock.advance(time.Minute + time.Second)
	if code := right(); code != 235 {
		t.Errorf("in the next window: %d", code)
	}
	if n := b.Stats()[TencentSES].Faults[AuthLimit]; n != 2 {
		t.Errorf("struck %d times", n)
	}
}

func TestSMTPBansAnAddressThatIsRefusedTooOften(t *testing.T) {
	t.Parallel()
	b, right, wrong := addressed(t, Fault{Kind: Ban, Limit: 3})
	banned := func() bool {
		for _, addr := range []string{b.Ready().SMTP[TencentSES], b.Ready().STARTTLS[TencentSES]} {
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
	b.clock.advance(10*time.Minute + time.Second)
	if got := []int{wrong(), wrong(), wrong()}; !slices.Equal(got, []int{535, 535, 535}) || !banned() {
		t.Errorf("three within ten minutes: answers %v, banned %v", got, banned())
	}
	b.clock.advance(10*time.Minute + time.Second)
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

func TestSMTPHoldsAnswersBackMoreWithEachRefusal(t *testing.T) {
	t.Parallel()
	g, f := newGuard(time.Now), Fault{Delay: Duration(2 * time.Second)}
	var got []time.Duration
	for range 9 {
		got = append(got, g.penalty("a", f)/time.Second)
		g.note("a", false, nil)
	}
	if !slices.Equal(got, []time.Duration{0, 2, 4, 6, 8, 10, 12, 14, 15}) {
		t.Errorf("penalties %v", got)
	}
	if g.note("a", true, nil); g.penalty("a", f) != 0 || g.penalty("b", f) != 0 {
		t.Error("a login that works, or another address, is held back")
	}
	b, right, wrong := addressed(t, Fault{Kind: Penalty, Delay: Duration(time.Millisecond)})
	if got := []int{right(), wrong(), wrong(), right()}; !slices.Equal(got, []int{235, 535, 535, 235}) {
		t.Errorf("answers %v", got)
	}
	if n := b.Stats()[TencentSES].Faults[Penalty]; n != 2 {
		t.Errorf("struck %d times", n)
	}
}

func TestAFaultEndsWithItsTime(t *testing.T) {
	t.Parallel()
	const lasts = 8 * time.Second
	for _, f := range []Fault{{Kind: Reject, At: AtSMTP}, {Kind: AuthLimit, Limit: 1, Delay: Duration(time.Minute)}} {
		f.For = Duration(lasts)
		b, right, _ := addressed(t, f)
		right()
		if code := right(); code == 235 {
			t.Errorf("%s: a login while it lasts: %d", f.Kind, code)
		}
		b.clock.advance(lasts)
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
	for _, f := range []Fault{
		{Kind: Ban, Target: sender},
		{Kind: Ban, Count: 3},
		{Kind: Ban, At: AtAPI},
		{Kind: Ban, Limit: -1},
		{Kind: AuthLimit, Probability: 0.5},
		{Kind: Reject, Limit: 3},
		{Kind: Penalty, Limit: 3},
		{Kind: Penalty, For: -1},
	} {
		if _, err := b.AddFaults(f); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}
