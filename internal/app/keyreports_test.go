package app

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// An account without runs reports nothing, and is told when it calls.
func TestAnAccountThatHadNothingToDoReadsTheNextKeyWhenItCalls(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.rotate()
	h.leave("id-1")
	ctx, done := h.Using(t.Context(), h.subjects, "mail")
	held := (*rotation.WaitError)(nil)
	if err := h.call(ctx); !errors.As(err, &held) {
		t.Fatalf("got %v", err)
	}
	done()
	ctx, done = h.Using(t.Context(), h.subjects, "mail")
	defer done()
	if err := h.call(ctx); err != nil || h.subjects.client("mail").id != "id-2" || h.subjects.client("bot").id != "id-2" {
		t.Errorf("it calls with %s: %v", h.subjects.client("mail").id, err)
	}
}

func TestRedisHearsOfAKeyWhileThereIsARunAndOnceMore(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	sent := listener{worker: h.Uses.worker}
	h.Uses.ledger.RDB.AddHook(&sent)
	if h.follow(); sent.reports != 0 {
		t.Error("no run has begun")
	}
	_, done := h.Using(t.Context(), h.subjects, "mail")
	h.follow()
	if h.follow(); sent.reports != 2 || !h.leave("id-1") {
		t.Errorf("a run has the key, and there were %d reports", sent.reports)
	}
	done()
	h.follow()
	if h.follow(); sent.reports != 3 || h.leave("id-1") {
		t.Errorf("no run has the key, and there were %d reports", sent.reports)
	}
}

// Of two reports at once the older must not be the last that Redis hears.
func TestAReportIsWholeBeforeTheNextOneIsMadeUp(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	ctx, done := h.Using(t.Context(), h.subjects, "mail")
	defer done()
	c := h.Uses.all()[0]
	sent := listener{worker: h.Uses.worker, at: func() {
		if c.reporting.TryLock() {
			defer c.reporting.Unlock()
			t.Error("another one can be made up and sent meanwhile")
		}
	}}
	h.Uses.ledger.RDB.AddHook(&sent)
	if err := h.call(ctx); err != nil || sent.reports != 1 {
		t.Errorf("%d reports: %v", sent.reports, err)
	}
}

// listener hears what is reported.
type listener struct {
	worker  string
	reports int
	at      func()
}

func (l *listener) DialHook(next redis.DialHook) redis.DialHook { return next }

func (l *listener) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook knows a report by its worker.
func (l *listener) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if len(cmd.Args()) > 5 && cmd.Args()[5] == l.worker && err == nil {
			if l.reports++; l.at != nil {
				l.at()
			}
		}
		return err
	}
}

// reloaded is the fleet after a reload of the same configuration.
func (h *hand) reloaded() *Subjects {
	h.t.Helper()
	next, err := NewSubjects(h.t.Context(), h.subjects.cfg, h.subjects.read, Mail{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.Carry(h.t.Context(), h.subjects, next)
	return next
}

func TestAReloadTakesUpNoKeyThatIsDisabled(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.rotate()
	h.leave("id-2") // a person has put it there, and it is to be disabled
	next := h.reloaded()
	if id := next.client("mail").id; id != "id-1" || h.Ready() == nil {
		t.Errorf("the next run has %s, ready: %v", id, h.Ready())
	}
	if err := h.Uses.ledger.Stay(t.Context(), h.cred, "id-2"); err != nil {
		t.Fatal(err)
	}
	if next = h.reloaded(); next.client("mail").id != "id-2" {
		t.Errorf("the next run has %s", next.client("mail").id)
	}
}

func TestAReloadMakesNoKeyYoung(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if next := h.reloaded(); !next.client("mail").since.Equal(h.subjects.client("mail").since) {
		t.Error("a refusal of it would be taken for a key that spreads")
	}
}
