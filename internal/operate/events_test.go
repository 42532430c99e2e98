package operate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

// stream is an index of events alone: answers are those of the calls to come, in their order, each with its error.
type stream struct {
	operate.Index
	first   []due.Event
	answers []answered
	after   []string // what was asked for
}

type answered struct {
	events []due.Event
	err    error
}

func (s *stream) Events(ctx context.Context, after string, n int64, block time.Duration) ([]due.Event, error) {
	if n == 1 {
		return s.first, nil
	}
	s.after = append(s.after, after)
	if len(s.answers) == 0 {
		if block > 0 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, nil
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return a.events, a.err
}

func happened(id string, at time.Time, fields ...string) due.Event {
	e := due.Event{ID: id, At: at, Fields: map[string]string{}}
	for pair := range slices.Chunk(fields, 2) {
		e.Fields[pair[0]] = pair[1]
	}
	return e
}

// filed is a desk that knows a, of the owner shop, and an account whose label is that of what is gone.
func filed(s *stream) *operate.Desk {
	a := &stage{cred: &rotation.Credential{ID: "a", Account: "ses"}, marks: &rotation.Marks{Owner: "shop"}}
	accounts := map[string]*config.Account{"ses": {Marks: &rotation.Marks{Labels: map[string]string{"tier": "gold"}}}}
	return &operate.Desk{Fleet: a, Accounts: accounts, Index: s, Clock: rotation.WallClock{}}
}

func TestEventsAreShownAsTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	all := []due.Event{
		happened("1-0", noon, "type", "rotated", "credential", "a", "account", "ses", "version", "3", "slot", "0001-01-01T00:00:00Z"),
		happened("2-0", noon, "type", "quarantined", "credential", "b", "account", "ses", "why", "target: no such domain"),
		happened("3-0", noon, "type", "mail_server_sick", "server", "mail:465"),
		happened("4-0", noon, "version", "many"),
	}
	for name, test := range map[string]struct {
		q    operate.EventQuery
		want string
	}{
		"all":         {operate.EventQuery{}, "rotated quarantined mail_server_sick unknown"},
		"a type":      {operate.EventQuery{Types: []string{"quarantined"}}, "quarantined"},
		"an account":  {operate.EventQuery{Accounts: []string{"ses"}}, "rotated quarantined"},
		"one that is": {operate.EventQuery{IDs: []string{"a", "gone"}}, "rotated"},
		"no such":     {operate.EventQuery{IDs: []string{"a"}, Types: []string{"quarantined"}}, ""},
		"an owner":    {operate.EventQuery{Marks: &rotation.Marks{Owner: "shop"}}, "rotated"},
		"a label":     {operate.EventQuery{Marks: &rotation.Marks{Labels: map[string]string{"tier": "gold"}}}, "quarantined"},
	} {
		s := &stream{first: all[:1], answers: []answered{{events: all}}}
		var got []string
		show := func(e operate.Event) error {
			if e.Slot != "" {
				t.Errorf("%s: a slot that is none: %s", name, e.Slot)
			}
			got = append(got, e.Type)
			return nil
		}
		test.q.Since = noon.Add(-time.Hour)
		begins, err := filed(s).Events(t.Context(), test.q, show, nil)
		if strings.Join(got, " ") != test.want || err != nil || !begins.Equal(noon) {
			t.Errorf("%s: %q, %v; the stream begins at %s", name, got, err, begins)
		}
	}
	_, err := filed(&stream{}).Events(t.Context(), operate.EventQuery{Types: []string{"rotaded"}}, nil, nil)
	if operate.KindOf(err) != operate.Invalid || !strings.Contains(err.Error(), "want one of rotated, quarantined, ") {
		t.Errorf("a type that there is not: %v", err)
	}
}

// While Redis is away, what happens is not lost to who follows: it is asked for from where the answers ended.
func TestWhoFollowsEventsHearsOfEachOnceAlsoWhereRedisIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &stream{answers: []answered{
			{events: []due.Event{happened("7-1", noon, "type", "rotated")}},
			{err: errors.New("away")},
			{err: errors.New("away")},
			{events: []due.Event{happened("9-0", noon, "type", "quarantined")}},
		}}
		var got []string
		show := func(e operate.Event) error {
			if got = append(got, e.ID); len(got) == 2 {
				cancel()
			}
			return nil
		}
		troubles := 0
		desk := filed(s)
		_, err := desk.Events(ctx, operate.EventQuery{Follow: true, Since: time.UnixMilli(5)}, show, func(error) { troubles++ })
		if err != nil || !slices.Equal(got, []string{"7-1", "9-0"}) || troubles != 2 {
			t.Errorf("%q, %d troubles, %v", got, troubles, err)
		}
		if want := []string{"4-18446744073709551615", "7-1", "7-1", "7-1"}; !slices.Equal(s.after[:4], want) {
			t.Errorf("asked after %q, want %q", s.after, want)
		}
	})
}

func TestAFailureToShowAnEventEndsIt(t *testing.T) {
	t.Parallel()
	s := &stream{answers: []answered{{events: []due.Event{happened("1-0", noon), happened("2-0", noon)}}}}
	full, shown := errors.New("no space left"), 0
	_, err := filed(s).Events(t.Context(), operate.EventQuery{Follow: true}, func(operate.Event) error { shown++; return full }, nil)
	if !errors.Is(err, full) || shown != 1 {
		t.Errorf("%d shown, %v", shown, err)
	}
}

// A webhook can ask for each type that there is, and for no other.
func TestTheConfigurationKnowsTheTypesOfEvents(t *testing.T) {
	t.Parallel()
	known, all := slices.Sorted(slices.Values(config.EventTypes)), slices.Sorted(slices.Values(operate.EventTypes()))
	if !slices.Equal(known, all) {
		t.Errorf("the configuration knows %v, and there are %v", known, all)
	}
}
