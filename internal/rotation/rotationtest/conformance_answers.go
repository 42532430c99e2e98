package rotationtest

import (
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func testAccepted(t *testing.T, x *trial) {
	t.Helper()
	issued := x.change(t)
	if issued.Password.IsZero() || !issued.Synced {
		t.Errorf("a change that went well: password missing %v, synced %v", issued.Password.IsZero(), issued.Synced)
	}
	x.wantLive(t, issued.Password, 1)
	verifier := x.verifier()
	for password, want := range map[secret.Value]rotation.Verdict{
		issued.Password:                rotation.Works,
		secret.New("Not-the-1ive-One"): rotation.Refused,
	} {
		if got, err := verifier.Verify(t.Context(), x.Target, password); got != want {
			t.Errorf("a login is answered %q (%v), want %q", got, err, want)
		}
	}
}

// verifier is what can be asked at this provider.
func (x *trial) verifier() rotation.Verifier {
	if x.client.ReadBack != nil {
		return x.client.ReadBack
	}
	return x.Login
}

// testRepeat: a fresh candidate that happens to be the live password.
func testRepeat(t *testing.T, x *trial) {
	t.Helper()
	first := x.change(t)
	again, err := x.send(t.Context(), t, x.client, x.Target, first.Password)
	switch {
	case x.client.Issuer != nil:
		if err != nil || again.Password.Equal(first.Password) {
			t.Errorf("a second password: %v, the same: %v", err, again.Password.Equal(first.Password))
		}
	case x.tells(rotation.Repeat):
		x.wantKind(t, err, rotation.Repeat, 1)
	case err != nil:
		t.Errorf("the live password again: %v, want it accepted", err)
	}
	if live, _ := x.State(t); live != again.Password.Reveal() {
		t.Error("another password is live")
	}
}

// testRefusals makes the stand-in refuse with each of the provider's own answers.
func testRefusals(t *testing.T, x *trial) {
	t.Helper()
	x.Change(t, Old.Reveal())
	for mishap, kind := range map[string]rotation.Kind{
		"rate_limit":   rotation.RateLimited,
		"unauthorized": rotation.Unauthorized,
		"not_found":    rotation.Target,
		"unavailable":  rotation.Unavailable,
		"reject":       rotation.Rejected,
		"repeat":       rotation.Repeat,
		"server_error": rotation.InDoubt,
	} {
		x.Strike(t, Mishap{Kind: mishap})
		_, err := x.send(t.Context(), t, x.client, x.Target, x.fresh(t))
		x.wantKind(t, err, x.told(kind), 1)
		failure, ok := errors.AsType[*rotation.Error](err)
		if !ok || failure.Code == "" {
			t.Errorf("%s: %v lacks the provider's code", mishap, err)
		}
		// An instant is compared with a date, which has no fractions of a second.
		if more := failure.RetryAfter - x.RetryAfter; kind == rotation.RateLimited && (more < 0 || more > 0 && (x.RetryAfter == 0 || more > time.Second)) {
			t.Errorf("RetryAfter is %v, want %v", failure.RetryAfter, x.RetryAfter)
		}
		x.wantLive(t, Old, 1)
	}
}

// testRealRefusals gives reasons to refuse, without any mishap.
func testRealRefusals(t *testing.T, x *trial) {
	t.Helper()
	x.Change(t, Old.Reveal())
	_, err := x.send(t.Context(), t, x.client, x.Unknown, x.fresh(t))
	x.wantKind(t, err, rotation.Target, 1)

	for _, name := range x.Keys {
		settings := x.Settings
		settings.Keys = maps.Clone(settings.Keys)
		settings.Keys[name] = secret.New("no-such-key")
		_, err := x.send(t.Context(), t, x.open(t, settings), x.Target, x.fresh(t))
		x.wantKind(t, err, rotation.Unauthorized, 1)
	}
	if x.client.Setter != nil && !x.AnyPassword {
		// Where one code means a bad request and a bad password alike, neither is told.
		_, err := x.send(t.Context(), t, x.client, x.Target, secret.New("a1!"))
		x.wantKind(t, err, x.told(rotation.Rejected), 1)
	}
	x.wantLive(t, Old, 1)
}

// testClockSkew: where requests are signed, a clock that is off is this machine's fault, not the account's. The next
// request is signed by the provider's clock.
func testClockSkew(t *testing.T, x *trial) {
	t.Helper()
	for _, ahead := range []time.Duration{time.Hour, -time.Hour, 0} {
		x.Ahead(ahead)
		before := x.accepted(t)
		_, err := x.send(t.Context(), t, x.client, x.Target, x.fresh(t))
		if !x.tells(rotation.ClockSkew) {
			if err != nil {
				t.Errorf("unsigned requests depend on the clock: %v", err)
			}
			continue
		}
		x.wantKind(t, err, rotation.ClockSkew, before)
		if errors.Unwrap(err) == nil {
			t.Errorf("%v does not say how far the clock is off", err)
		}
		x.change(t)
	}
}

func (x *trial) accepted(t *testing.T) int {
	t.Helper()
	_, n := x.State(t)
	return n
}

func testConcurrent(t *testing.T, x *trial) {
	t.Helper()
	const calls = 16
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		issued = map[string]bool{}
	)
	for range calls {
		password := x.fresh(t)
		group.Go(func() {
			one, err := x.send(t.Context(), t, x.client, x.Target, password)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			issued[one.Password.Reveal()] = true
		})
	}
	group.Wait()
	live, accepted := x.State(t)
	if !issued[live] || len(issued) != calls || accepted != calls {
		t.Errorf("%d calls, %d passwords, %d accepted, the live one among them: %v", calls, len(issued), accepted, issued[live])
	}
}

func testReadBack(t *testing.T, x *trial) {
	t.Helper()
	if x.ReadBack != (x.client.ReadBack != nil) {
		t.Fatalf("the description says that there is a read-back: %v, and the client has one: %v", x.ReadBack, !x.ReadBack)
	}
	if !x.ReadBack {
		return
	}
	ask := func(password secret.Value, want rotation.Verdict) {
		t.Helper()
		got, err := x.client.ReadBack.Verify(t.Context(), x.Target, password)
		x.checkError(t, err, password)
		if got != want || (err != nil) != (want == rotation.Unknown) {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
	ask(x.fresh(t), rotation.Refused) // none is set
	live := x.change(t).Password
	ask(live, rotation.Works)
	ask(x.fresh(t), rotation.Refused)
	for _, mishap := range []string{"server_error", "unavailable", "unauthorized", "rate_limit", "html", "empty", "truncated", "lose_request"} {
		x.Strike(t, Mishap{Kind: mishap, Reads: true})
		ask(live, rotation.Unknown)
	}
	ask(live, rotation.Works)
	x.wantLive(t, live, 1)
}

// testNotSynced: only an Issuer may say so; its password is set, and not to be promoted yet.
func testNotSynced(t *testing.T, x *trial) {
	t.Helper()
	if !x.TellsSynced {
		return
	}
	x.Strike(t, Mishap{Kind: "not_synced"})
	issued := x.change(t)
	if issued.Synced || issued.Password.IsZero() {
		t.Errorf("synced %v, password missing %v", issued.Synced, issued.Password.IsZero())
	}
	x.wantLive(t, issued.Password, 1)
	if verdict, err := x.Login.Verify(t.Context(), x.Target, issued.Password); verdict != rotation.Refused {
		t.Errorf("a login is answered %q (%v) before the provider has synced", verdict, err)
	}
}
