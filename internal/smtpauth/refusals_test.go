package smtpauth

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"keyturn/internal/rotation"
)

func TestAUserNameThatIsRefusedInARowIsHeldBackForAWhile(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	var answer atomic.Pointer[smtp.SMTPError]
	var asked atomic.Int32
	s := &submission{mechanisms: both, login: func(string, string) error {
		asked.Add(1)
		if e := answer.Load(); e != nil {
			return e
		}
		return nil
	}}
	config := s.serve(t, ImplicitTLS)
	config.MaxRefused = 3
	config.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
	server := newServer(t, config)
	ask := func(name string) (rotation.Verdict, error) {
		return server.Verify(t.Context(), name, password())
	}
	expect := func(name string, want rotation.Verdict, calls int32) {
		t.Helper()
		before := asked.Load()
		if got, err := ask(name); got != want || asked.Load()-before != calls {
			t.Fatalf("%s: %v after %d calls, want %v after %d: %v", name, got, asked.Load()-before, want, calls, err)
		}
	}
	no, later := smtp.ErrAuthFailed, &smtp.SMTPError{Code: 454}

	answer.Store(no)
	expect(user, rotation.Refused, 1)
	expect(user, rotation.Refused, 1)
	answer.Store(nil)
	expect(user, rotation.Works, 1) // clears the count
	answer.Store(no)
	for range 3 {
		expect(user, rotation.Refused, 1)
	}
	expect(user, rotation.Unknown, 0)
	if _, err := ask(user); !errors.Is(err, ErrHeldBack) {
		t.Errorf("says %v", err)
	}
	expect("another", rotation.Refused, 1)
	clock.Add(int64(cooldown / time.Second))
	expect(user, rotation.Refused, 1)
	expect(user, rotation.Unknown, 0) // one more, not three more
	clock.Add(int64(cooldown/time.Second) + 1)
	answer.Store(later)
	for range 5 {
		expect("busy", rotation.Unknown, 1) // could not ask: never counts
	}
	answer.Store(no)
	for range 3 {
		expect(user, rotation.Refused, 1)
	}
}

func TestForgottenUserNamesTakeNoMemory(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	r := newRefusals(3, func() time.Time { return now })
	for i := range 1000 {
		r.record(string(rune('a'+i)), rotation.Refused)
	}
	now = now.Add(2*cooldown + 1)
	r.record("one", rotation.Refused)
	if len(r.users) != 1 {
		t.Errorf("%d remembered", len(r.users))
	}
}
