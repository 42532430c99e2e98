package rotation_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest/explore"
)

// Each variant leaves out one of the rules that come with identities which follow each other.

func overlap(breach func(*rotation.Machine, *rotation.Subject)) explore.Exploration {
	return explore.Exploration{Overlap: true, Issuer: true, Verified: true, Strict: true, Break: breach}
}

func TestExploreCatchesAnIdentityThatIsRetiredWithoutALookAtTheJournal(t *testing.T) {
	t.Parallel()
	checkCaught(t, overlap(retireOwnAtOnce), "P-overlap-named: what the journal holds is retired")
}

// retireOwnAtOnce takes a refused write for the proof that what it says is nowhere.
func retireOwnAtOnce(m *rotation.Machine, _ *rotation.Subject) {
	right, stale := m.Journals, false
	m.Journals = journals{
		Journals: right,
		load: func(ctx context.Context, c *rotation.Credential) (rotation.Record, error) {
			rec, err := right.Load(ctx, c)
			if stale {
				rec.State, rec.Candidates, rec.Identities = rotation.Closed, nil, rotation.Identities{}
			}
			return rec, err
		},
		save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
			version, err := right.Save(ctx, c, rec, cas)
			stale = errors.Is(err, rotation.ErrStale)
			return version, err
		},
	}
}

func TestExploreCatchesWhatIsRetiredBetweenTheListAndTheWrite(t *testing.T) {
	t.Parallel()
	checkCaught(t, overlap(retireBeforeTheWrite(rotation.Open)), "P-overlap-named")
}

func TestExploreCatchesACheckThatRetiresDirectly(t *testing.T) {
	t.Parallel()
	e := overlap(retireBeforeTheWrite(rotation.Closed))
	e.Everywhere, e.Again, e.Only = true, true, []explore.Fault{explore.Pause, explore.HoldLost, explore.Demand, explore.LostReply}
	checkCaught(t, e, "P-overlap-named")
}

// retireBeforeTheWrite takes whatever the journal that a run has read or written does not know for an orphan.
func retireBeforeTheWrite(state rotation.State) func(*rotation.Machine, *rotation.Subject) {
	return func(m *rotation.Machine, s *rotation.Subject) {
		var known rotation.Record
		keep := func(rec *rotation.Record) { known = *rec }
		changing(m, keep, keep)
		s.Client.Minter = hasty{s.Client.Minter, state, &known}
	}
}

// hasty is a Minter that retires what it lists and a journal does not know.
type hasty struct {
	rotation.Minter
	state rotation.State
	known *rotation.Record
}

func (h hasty) Identities(ctx context.Context, target, owner string, turn func(context.Context) error) (ids []string, err error) {
	ids, err = h.Minter.Identities(ctx, target, owner, turn)
	if err != nil || h.known.State != h.state {
		return ids, err
	}
	for _, id := range ids {
		i := h.known.Identities
		known := id == i.Used || slices.Contains(i.Kept, id) ||
			slices.ContainsFunc(i.Retire, func(w rotation.Retiring) bool { return w.ID == id }) ||
			slices.ContainsFunc(h.known.Candidates, func(c rotation.Candidate) bool { return c.ID == id })
		if !known {
			_ = h.Retire(ctx, target, id)
		}
	}
	return ids, nil
}

func TestExploreCatchesAnIdentityOfAPersonThatIsRetired(t *testing.T) {
	t.Parallel()
	e := overlap(forgetKept)
	e.Found = true
	checkCaught(t, e, "P-overlap-kept: what was there before keyturn is retired")
}

func forgetKept(m *rotation.Machine, _ *rotation.Subject) {
	changing(m, nil, func(rec *rotation.Record) { rec.Identities.Kept = nil })
}

func TestExploreCatchesAClosedRecordThatDoesNotNameWhatIsUsed(t *testing.T) {
	t.Parallel()
	checkCaught(t, overlap(forgetUsed), "P-overlap-named: what consumers use is retired")
}

func forgetUsed(m *rotation.Machine, _ *rotation.Subject) {
	changing(m, nil, func(rec *rotation.Record) {
		if rec.State == rotation.Closed {
			rec.Identities.Used = ""
		}
	})
}

func TestExploreCatchesAQuarantineWithAFreeSlot(t *testing.T) {
	t.Parallel()
	checkCaught(t, overlap(giveUpWhenFull), "P-quarantine: a person has to look although nothing misbehaved")
}

func giveUpWhenFull(_ *rotation.Machine, s *rotation.Subject) {
	s.Client.Minter = hopeless{s.Client.Minter}
}

// hopeless is a Minter that calls a quota a target that does not exist.
type hopeless struct{ rotation.Minter }

func (h hopeless) Mint(ctx context.Context, target string, label rotation.Label) (rotation.Identity, error) {
	made, err := h.Minter.Mint(ctx, target, label)
	if e := (*rotation.Error)(nil); errors.As(err, &e) && e.Kind == rotation.Full {
		err = &rotation.Error{Kind: rotation.Target}
	}
	return made, err
}

func TestExploreCatchesAnIdentityThatIsRetiredWithinItsGrace(t *testing.T) {
	t.Parallel()
	checkCaught(t, overlap(forgetGraceOfIdentities), "P-overlap-grace: what programs may still use is retired")
}

func TestExploreCatchesAGraceThatAPersonExtendedAndNothingKeeps(t *testing.T) {
	t.Parallel()
	e := overlap(forgetExtension)
	e.Extend = true
	checkCaught(t, e, "P-overlap-grace: what programs may still use is retired")
}

// forgetExtension says that it has what waits stay, and writes that it is as it was.
func forgetExtension(m *rotation.Machine, _ *rotation.Subject) {
	right, before := m.Journals, rotation.Identities{}
	m.Journals = journals{
		Journals: right,
		load: func(ctx context.Context, c *rotation.Credential) (rotation.Record, error) {
			rec, err := right.Load(ctx, c)
			before = rec.Identities
			return rec, err
		},
		save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
			if rec.State == rotation.Closed && len(rec.Identities.Retire) == len(before.Retire) {
				rec.Identities = before
			}
			return right.Save(ctx, c, rec, cas)
		},
	}
}

func forgetGraceOfIdentities(_ *rotation.Machine, s *rotation.Subject) {
	c, o := *s.Credential, *s.Credential.Overlap
	o.Grace = 0
	c.Overlap, s.Credential = &o, &c
}
