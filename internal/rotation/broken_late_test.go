package rotation_test

import (
	"context"
	"strings"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// The variants that forget what a run learned, or do not say it: each is what the machine did before a schedule of
// testdata was found.

// changing is a machine whose journal reads and writes are changed on their way; nil leaves them as they are.
func changing(m *rotation.Machine, onLoad, onSave func(*rotation.Record)) {
	right := m.Journals
	m.Journals = journals{
		Journals: right,
		load: func(ctx context.Context, c *rotation.Credential) (rotation.Record, error) {
			rec, err := right.Load(ctx, c)
			if err == nil && onLoad != nil {
				onLoad(&rec)
			}
			return rec, err
		},
		save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
			if onSave != nil {
				onSave(&rec)
			}
			return right.Save(ctx, c, rec, cas)
		},
	}
}

// mute are an Agenda's requests for another look, some of which are not made.
type mute struct {
	rotation.Agenda
	drops func(rotation.Reason, error) bool
}

func (m mute) Ask(ctx context.Context, c *rotation.Credential, reason rotation.Reason, after time.Duration) error {
	if m.drops(reason, nil) {
		return nil
	}
	err := m.Agenda.Ask(ctx, c, reason, after)
	if err != nil && m.drops(reason, err) {
		return nil
	}
	return err
}

// replaceSilently does not say that it sent after it was replaced.
func replaceSilently(m *rotation.Machine, _ *rotation.Subject) {
	m.Agenda = mute{m.Agenda, func(reason rotation.Reason, _ error) bool { return reason == rotation.ReasonReplaced }}
}

// repairNothing does not ask for the rotation that mends what a check found.
func repairNothing(m *rotation.Machine, _ *rotation.Subject) {
	m.Agenda = mute{m.Agenda, func(reason rotation.Reason, _ error) bool { return reason == rotation.ReasonDrift }}
}

// askOnce gives up when its request for a recheck is not heard.
func askOnce(m *rotation.Machine, _ *rotation.Subject) {
	m.Agenda = mute{m.Agenda, func(_ rotation.Reason, failed error) bool { return failed != nil }}
}

// closeForGood closes without a recheck.
func closeForGood(m *rotation.Machine, _ *rotation.Subject) {
	m.Agenda = mute{m.Agenda, func(reason rotation.Reason, _ error) bool { return reason == rotation.ReasonRecheck }}
	changing(m, nil, func(rec *rotation.Record) {
		if rec.State == rotation.Closed {
			rec.RecheckAt = time.Time{}
		}
	})
}

// takeTheNewestForItsOwn takes the value that came last for the answer to the last intent.
func takeTheNewestForItsOwn(m *rotation.Machine, _ *rotation.Subject) { takeTheNewest(m, 1) }

// takeTheNewestOfThree does so where three values were made.
func takeTheNewestOfThree(m *rotation.Machine, _ *rotation.Subject) { takeTheNewest(m, 3) }

func takeTheNewest(m *rotation.Machine, least int) {
	changing(m, func(rec *rotation.Record) {
		last, intent, made := rec.Last(), -1, 0
		for i, c := range rec.Candidates {
			if c.Value.IsZero() {
				intent = i
			} else {
				made++
			}
		}
		if rec.State == rotation.Open && intent >= 0 && !last.Value.IsZero() && made >= least {
			value := *last
			value.Number = rec.Candidates[intent].Number
			rec.Candidates = append(rec.Candidates[:intent+1], value)
		}
	}, nil)
}

// takeTheirWriteForItsOwn believes that what it finds in the journal after a mismatch is its own last write.
func takeTheirWriteForItsOwn(m *rotation.Machine, _ *rotation.Subject) {
	right, stale := m.Journals, -1
	ahead := 0
	m.Journals = journals{
		Journals: right,
		load: func(ctx context.Context, c *rotation.Credential) (rotation.Record, error) {
			rec, err := right.Load(ctx, c)
			if err == nil && stale >= 0 {
				ahead = rec.Version - stale - 1
				rec.Version, rec.State = stale+1, rotation.Open
			}
			return rec, err
		},
		save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
			version, err := right.Save(ctx, c, rec, cas+ahead)
			if err != nil {
				stale = cas
			}
			return version - ahead, err
		},
	}
}

// hearNoRefusal takes a refusal for a question that went unanswered.
func hearNoRefusal(_ *rotation.Machine, s *rotation.Subject) {
	right := s.Verifier
	s.Verifier = answers(func(login string, password secret.Value) (rotation.Verdict, error) {
		verdict, err := right.Verify(context.Background(), login, password)
		if verdict == rotation.Refused {
			return rotation.Unknown, nil
		}
		return verdict, err
	})
}

// dropForAnUnknownTarget drops every candidate when the provider says that it does not know the target.
func dropForAnUnknownTarget(m *rotation.Machine, _ *rotation.Subject) {
	changing(m, nil, func(rec *rotation.Record) {
		if rec.State == rotation.Quarantined && strings.HasPrefix(rec.Why, "target: ") {
			rec.Candidates = nil
		}
	})
}

// countRepeatsAsRejections counts every answer after which another candidate is appended as a refusal by rule.
func countRepeatsAsRejections(_ *rotation.Machine, s *rotation.Subject) {
	right := s.Client.Setter
	s.Client.Setter = setter(func(ctx context.Context, target string, v secret.Value) error {
		err := right.Set(ctx, target, v)
		if refused := rotation.AsError(err); err != nil && refused.Kind == rotation.Repeat {
			return &rotation.Error{Kind: rotation.Rejected, Code: refused.Code}
		}
		return err
	})
}

// takeRepeatsForYes takes each answer that a password is the current one for proof that it was applied.
func takeRepeatsForYes(_ *rotation.Machine, s *rotation.Subject) {
	right := s.Client.Setter
	s.Client.Setter = setter(func(ctx context.Context, target string, v secret.Value) error {
		err := right.Set(ctx, target, v)
		if err != nil && rotation.AsError(err).Kind == rotation.Repeat {
			return nil
		}
		return err
	})
}
