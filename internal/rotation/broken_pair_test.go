package rotation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest/explore"
)

// Each variant leaves out one of the rules that come with a pair.

func TestExploreCatchesAPairWithoutAFence(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Pair: true, Only: stops, Break: withoutAFence},
		"P-pair-target: a call changes the target that consumers use")
}

func TestExploreCatchesAPairThatFencesBeforeItClaims(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Pair: true, Only: stops, Depth: 5, Break: fenceBeforeClaim},
		"P-pair-target: a call changes the target that consumers use")
}

func TestExploreCatchesAPairThatPromotesBeforeAllIsQuiet(t *testing.T) {
	t.Parallel()
	for _, issuer := range []bool{false, true} {
		checkCaught(t, explore.Exploration{Pair: true, Issuer: issuer, Verified: true, Break: promoteBeforeQuiet},
			"P-pair-live: what consumers read does not log in")
	}
}

// promoteBeforeQuiet believes that no earlier run has a call on its way.
func promoteBeforeQuiet(m *rotation.Machine, _ *rotation.Subject) {
	changing(m, func(rec *rotation.Record) {
		if rec.State == rotation.Open {
			rec.QuietAt = m.Clock.Now().Add(-time.Hour)
		}
	}, nil)
}

func TestExploreCatchesATargetThatIsChosenAgain(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Pair: true, Break: chooseAgain}, "P-pair-live: what consumers read does not log in")
}

// chooseAgain has each run that finds an open journal take the first target.
func chooseAgain(m *rotation.Machine, s *rotation.Subject) {
	first := s.Credential.Pair.Targets[0]
	changing(m, func(rec *rotation.Record) {
		if rec.State == rotation.Open {
			rec.Target, rec.Login = first.Target, first.Login()
		}
	}, nil)
}

func TestExploreCatchesALateValueThatIsKept(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Pair: true, Issuer: true, Break: keepLateValues},
		"P-pair-grace: a target is changed that programs may still use")
}

// keepLateValues opens a journal for a password that an issuer has shown too late, as replace does.
func keepLateValues(m *rotation.Machine, _ *rotation.Subject) {
	right := m.Journals
	m.Journals = journals{Journals: right, save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
		version, err := right.Save(ctx, c, rec, cas)
		last := rec.Last()
		if !errors.Is(err, rotation.ErrStale) || last == nil || last.Value.IsZero() {
			return version, err
		}
		now, failed := right.Load(ctx, c)
		if failed != nil || now.State != rotation.Closed {
			return version, err
		}
		rec.RotationID, rec.Doubted = m.NewID(), true
		_, _ = right.Save(ctx, c, rec, now.Version)
		return version, err
	}}
}

func TestExploreCatchesAnAdoptedPasswordThatIsSent(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Pair: true, Adopted: true, Break: forgetWhoBroughtIt}, "P-adopt: what a person brought is sent")
}

// forgetWhoBroughtIt resumes the journal of an adoption like any other.
func forgetWhoBroughtIt(m *rotation.Machine, _ *rotation.Subject) {
	changing(m, func(rec *rotation.Record) {
		if rec.Reason == rotation.ReasonAdopted {
			rec.Reason = rotation.ReasonScheduled
		}
	}, func(rec *rotation.Record) {
		if rec.State == rotation.Open && rec.Attempt > 1 {
			rec.Reason = rotation.ReasonAdopted
		}
	})
}

func TestExploreCatchesAPairThatRotatesWithinItsGrace(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Pair: true, Again: true, Break: forgetGrace}, "P-pair-grace: a target is changed that programs may still use")
}

func forgetGrace(_ *rotation.Machine, s *rotation.Subject) {
	pair := *s.Credential.Pair
	pair.Grace = 0
	c := *s.Credential
	c.Pair = &pair
	s.Credential = &c
}

func TestExploreCatchesAPairThatPromotesWhatWasNotSeenToWork(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Pair: true, Verified: true, Sick: true, Break: asReplaceDoes}, "P-pair-proven: consumers get what was not seen to work")
}

// asReplaceDoes finishes an open rotation as if consumers had a dying password.
func asReplaceDoes(m *rotation.Machine, _ *rotation.Subject) {
	target := ""
	changing(m, func(rec *rotation.Record) { rec.Strategy, target = rotation.StrategyReplace, rec.Target },
		func(rec *rotation.Record) { target = rec.Target })
	m.Secrets = renamer{m.Secrets, &target}
}

// renamer are Secrets that are written with another target.
type renamer struct {
	rotation.Secrets
	target *string
}

func (r renamer) Write(ctx context.Context, p rotation.Place, e rotation.Entry) error {
	e.Target = *r.target
	return r.Secrets.Write(ctx, p, e)
}
