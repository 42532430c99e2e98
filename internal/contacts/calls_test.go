package contacts_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/contacts"
	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

func TestARefusedCallOfContactsIsHandledByItsKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   rotation.Kind
		status contacts.Status
		after  time.Duration
		op     string // of the port that hears of it
	}{
		{rotation.InDoubt, contacts.Failed, 7 * time.Second, ""},
		{rotation.NotSent, contacts.Failed, 7 * time.Second, ""},
		{rotation.Unavailable, contacts.Failed, 7 * time.Second, ""},
		{rotation.Rejected, contacts.Failed, 7 * time.Second, ""},
		{rotation.Repeat, contacts.Failed, 7 * time.Second, ""},
		{rotation.RateLimited, contacts.Waiting, 7 * time.Second, "limiter.penalise"},
		{rotation.Unauthorized, contacts.Waiting, 30 * time.Second, "agenda.block"},
		{rotation.ClockSkew, contacts.Waiting, 30 * time.Second, ""},
		{rotation.Target, contacts.Refused, 0, ""},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			t.Parallel()
			m := newMailer()
			m.refuse = &rotation.Error{Kind: c.kind, Provider: "model", Op: "Verify", Code: "No", RetryAfter: 7 * time.Second}
			heard := map[string]bool{}
			m.Decide = func(c rotationtest.Call) rotationtest.Fault { heard[c.Op] = true; return rotationtest.None }
			result := m.run(slot(m.World), good)
			if result.Status != c.status || result.After != c.after || !errors.Is(result.Err, m.refuse) {
				t.Errorf("got %+v", result)
			}
			if len(m.notes) != 0 {
				t.Errorf("noted %+v of a call that failed", m.notes)
			}
			for _, op := range []string{"limiter.penalise", "agenda.block"} {
				if heard[op] != (op == c.op) {
					t.Errorf("%s called: %v", op, heard[op])
				}
			}
			m.refuse = nil
			if result := m.run(slot(m.World), good); result.Status != contacts.Done {
				t.Errorf("after the refusal: %+v", result)
			}
		})
	}
}

func TestATokenThatIsFarOffConsumesNoAttempt(t *testing.T) {
	t.Parallel()
	m := newMailer()
	verifier := m.verifier()
	verifier.Limiter = noToken{verifier.Limiter, &rotation.WaitError{After: time.Minute, Reason: "a backlog"}}
	if result := m.runWith(context.Background(), verifier, slot(m.World), good); result.Status != contacts.Waiting || result.After != time.Minute {
		t.Errorf("got %+v", result)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if result := m.run(slot(m.World), good); result.Status != contacts.Done {
		t.Fatalf("got %+v", result)
	}
	m.notes = nil
	if result := m.runWith(ctx, m.verifier(), slot(m.World), good); result.Status != contacts.Waiting {
		t.Errorf("time ran out in the queue for a token: %+v", result)
	}
}

type noToken struct {
	rotation.Limiter
	err error
}

func (l noToken) Take(context.Context, string, int, bool) (rotation.Turns, error) {
	return nil, l.err
}

func TestEveryContactsResultIsLoggedAndEveryCallCounted(t *testing.T) {
	t.Parallel()
	m := newMailer()
	verifier := m.verifier()
	var log bytes.Buffer
	verifier.Log = slog.New(slog.NewTextHandler(&log, nil))
	calls := &counter{Observer: verifier.Observer}
	verifier.Observer = calls
	m.runWith(context.Background(), verifier, slot(m.World), good, bad)
	for _, want := range []string{
		"level=INFO msg=contact verification=owners account=acme address=good@example.com result=sent tries=1",
		"level=WARN msg=contact verification=owners account=acme address=bad@example.com result=failed tries=1 code=Bounced",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &log)
		}
	}
	if !slices.Equal(calls.of, []string{"acme verify contacts"}) {
		t.Errorf("counted %v", calls.of)
	}
}

// counter keeps whose calls were observed.
type counter struct {
	contacts.Observer
	of []string
}

func (c *counter) Called(cred *rotation.Credential, op string, _ error, _ time.Duration) {
	c.of = append(c.of, cred.Account+" "+op)
}

func TestAJobOfContactsThatNoRetryHelpsSaysSo(t *testing.T) {
	t.Parallel()
	m := newMailer()
	m.refuse = &rotation.Error{Kind: rotation.Target, Provider: "model", Op: "Verify", Code: "ParameterIllegal", RequestID: "R-1"}
	verifier := m.verifier()
	var log bytes.Buffer
	verifier.Log = slog.New(slog.NewTextHandler(&log, nil))
	m.runWith(context.Background(), verifier, slot(m.World), good)
	for _, want := range []string{"level=ERROR", "verification=owners", "account=acme", "ParameterIllegal", "R-1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &log)
		}
	}
}

func TestACallOfContactsThatIsNotAnsweredEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMailer()
		began, took := time.Now(), time.Duration(0)
		m.during = func(ctx context.Context) { <-ctx.Done(); took = time.Since(began) }
		m.run(slot(m.World), good)
		if want := m.verifier().Timeout; took != want {
			t.Errorf("the call took %s, want %s", took, want)
		}
	})
}

// The contacts have their mails, and would get another one if that were forgotten.
func TestWhatACallBroughtIsNotedAlthoughTheRunIsOver(t *testing.T) {
	t.Parallel()
	m := newMailer()
	ctx, cancel := context.WithCancel(t.Context())
	m.during = func(context.Context) { cancel() }
	result := m.runWith(ctx, m.verifier(), slot(m.World), good)
	if result.Status != contacts.Done || m.notes[good].State != rotation.ContactSent {
		t.Errorf("%+v, noted %+v", result, m.notes)
	}
}
