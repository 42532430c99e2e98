package operate_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func explained(t *testing.T, s *stage) operate.Story {
	t.Helper()
	story, err := s.desk().Explain(t.Context(), "alerts")
	if err != nil {
		t.Fatal(err)
	}
	return story
}

func TestAStoryShowsWhereTheOpenRotationAndTheConfigurationDiffer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.rec = rotation.Record{
		Version: 3, State: rotation.Quarantined, Why: "target: x", Target: "allerts@example.com", Place: rotation.Place{Store: "default", Path: "mail/old"},
		RequestedBy: "ann@host",
	}
	story := explained(t, s)
	want := []operate.Difference{
		{Field: "target", Journal: "allerts@example.com", Configuration: "alerts@example.com"},
		{Field: "path", Journal: "default:mail/old", Configuration: "default:mail/alerts"},
	}
	if len(story.Differs) != 2 || story.Differs[0] != want[0] || story.Differs[1] != want[1] {
		t.Errorf("%+v", story.Differs)
	}
	if story.State != operate.Quarantined || story.Journal.AskedBy != "ann@host" || strings.Join(story.Next.Do, " ") != "recover retry" {
		t.Errorf("%+v, next %+v", story.Journal, story.Next)
	}
	s.rec.State = rotation.Closed // its target is history
	if story := explained(t, s); story.Differs != nil {
		t.Errorf("%+v", story.Differs)
	}
}

func TestAStoryTellsWhatHoldsItsAccountBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.current = rotation.Entry{Version: 1, Password: secret.New("p"), RotatedAt: s.began.Add(-time.Hour)}
		s.check = due.Check{At: s.began, Verdict: rotation.Refused}
		s.breaker = queue.BreakerState{Open: true, Cause: "failed: failed: unauthorized"}
		s.paused = s.began.Add(24 * time.Hour)
		story := explained(t, s)
		if story.State != operate.Refused || story.Checked.Verdict != "refused" || story.Breaker.Cause != "failed: unauthorized" || !story.Paused.Equal(s.paused) {
			t.Errorf("%+v", story)
		}
		text, err := json.Marshal(story)
		if err != nil || !strings.Contains(string(text), `"paused_until":"2000-01-02T`) || !strings.Contains(string(text), `"state":"refused"`) {
			t.Errorf("%v: %s", err, text)
		}
	})
}

type awayIndex struct{ operate.Index }

func (awayIndex) Checks(context.Context, []*rotation.Credential) ([]due.Check, error) {
	return nil, errors.New("redis is away")
}

func TestAStorySaysWhatItCouldNotAsk(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.current = rotation.Entry{Version: 1, Password: secret.New("p")}
	d := s.desk()
	d.Index = awayIndex{d.Index}
	story, err := d.Explain(t.Context(), "alerts")
	if err != nil || story.Version != 1 || !strings.Contains(story.Unknown, "breaker, pause and last check: redis is away") {
		t.Errorf("%+v, %v", story, err)
	}
	d.Index, d.Away = nil, errors.New("redis does not answer")
	if story, err = d.Explain(t.Context(), "alerts"); err != nil || !strings.Contains(story.Unknown, "redis does not answer") {
		t.Errorf("%+v, %v", story, err)
	}
}

func TestAStoryTellsWhichIdentityIsDisabled(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	at := s.began.Add(time.Minute)
	s.rec = rotation.Record{Version: 3, Identities: rotation.Identities{Retire: []rotation.Retiring{
		{ID: "i1", Phase: rotation.Disabled, NotBefore: at}, {ID: "i2", NotBefore: at},
	}}}
	story := explained(t, s)
	want := []operate.Retiring{{Identity: "i1", NotBefore: at, Disabled: true}, {Identity: "i2", NotBefore: at}}
	if story.Overlap == nil || !slices.Equal(story.Overlap.Waiting, want) {
		t.Errorf("%+v", story.Overlap)
	}
}
