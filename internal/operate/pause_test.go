package operate_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
)

// stopped is an account of which a person paused a queue.
type stopped struct{ *stage }

func (stopped) Depths(context.Context, ...string) ([]queue.Depth, error) {
	return []queue.Depth{{Account: "mail", Urgent: true}, {Account: "mail", Paused: true}}, nil
}

func TestAStoryTellsThatAPersonPausedAQueue(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	d := s.desk()
	for _, want := range []bool{false, true} {
		if want {
			d.Queue = stopped{s}
		}
		if story, err := d.Explain(t.Context(), "alerts"); err != nil || story.Stopped != want {
			t.Errorf("stopped %t, %v; want %t", story.Stopped, err, want)
		}
	}
}

// counted counts how often the breaker is asked about.
type counted struct {
	operate.Breakers
	asked *int
}

func (c counted) State(ctx context.Context, account string) (queue.BreakerState, error) {
	*c.asked++
	return c.Breakers.State(ctx, account)
}

func TestAStatusTellsWhatHoldsAnAccountBackAndAsksOnce(t *testing.T) {
	t.Parallel()
	s, asked := newStage(t), 0
	s.breaker = queue.BreakerState{Open: true, Since: noon, Next: noon, Cause: "failed: unauthorized"}
	s.paused = noon
	d := s.desk()
	d.Fleet, d.Queue, d.Breakers = fleet(t, 40), stopped{s}, counted{s, &asked}
	d.Index = awayIndex{s} // what it does not tell is left out
	rows := 0
	_, err := d.Status(t.Context(), operate.Query{}, func(r operate.Row) error {
		rows++
		text, err := json.Marshal(r.Held)
		want := `{"breaker":{"since":"2026-11-21T12:00:00Z","cause":"failed: unauthorized","next":"2026-11-21T12:00:00Z"},` +
			`"paused_until":"2026-11-21T12:00:00Z","stopped":true}`
		if string(text) != want {
			t.Errorf("%s: %s", r.Credential, text)
		}
		return err
	}, nil)
	if err != nil || rows != 40 || asked != 1 {
		t.Errorf("%d rows, the breaker was asked about %d times, %v", rows, asked, err)
	}
}

// torn is a queue that cannot be unpaused for one account.
type torn struct{ *stage }

func (t torn) Unpause(_ context.Context, account string) (int, error) {
	if account == "torn" {
		return 0, errors.New("redis is away")
	}
	return 3, nil
}

func TestAnAccountThatCannotBeUnpausedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.paused = noon
	d := s.desk()
	d.Queue = torn{s}
	d.Accounts = map[string]*config.Account{"mail": {}, "torn": {}}
	all, err := d.Unpause(t.Context(), []string{"mail", "torn", "mail"})
	if err == nil || err.Error() != "torn: redis is away" {
		t.Errorf("%v", err)
	}
	text, err := json.Marshal(all)
	want := `[{"account":"mail","paused_until":"2026-11-21T12:00:00Z","jobs_woken":3},{"account":"mail","jobs_woken":3}]`
	if err != nil || string(text) != want {
		t.Errorf("%v: %s", err, text)
	}
	if _, err := d.Unpause(t.Context(), []string{"mail", "male"}); operate.KindOf(err) != operate.Absent {
		t.Errorf("%v", err)
	}
}
