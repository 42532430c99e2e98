package rotation_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest/explore"
	"keyturn/internal/secret"
)

// journals is a Journals with some of its methods replaced.
type journals struct {
	rotation.Journals
	load func(context.Context, *rotation.Credential) (rotation.Record, error)
	save func(context.Context, *rotation.Credential, rotation.Record, int) (int, error)
}

func (j journals) Load(ctx context.Context, c *rotation.Credential) (rotation.Record, error) {
	if j.load == nil {
		return j.Journals.Load(ctx, c)
	}
	return j.load(ctx, c)
}

func (j journals) Save(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	if j.save == nil {
		return j.Journals.Save(ctx, c, rec, cas)
	}
	return j.save(ctx, c, rec, cas)
}

type secrets struct {
	rotation.Secrets
	read func(context.Context, rotation.Place) (rotation.Entry, error)
}

func (s secrets) Read(ctx context.Context, p rotation.Place) (rotation.Entry, error) {
	return s.read(ctx, p)
}

type parker struct {
	rotation.Agenda
	park func(context.Context, *rotation.Credential)
}

func (p parker) Park(ctx context.Context, c *rotation.Credential, d time.Duration) error {
	p.park(ctx, c)
	return p.Agenda.Park(ctx, c, d)
}

type asker struct {
	rotation.Agenda
	drift func(context.Context) (repaired bool)
}

func (a asker) Ask(ctx context.Context, c *rotation.Credential, reason rotation.Reason, after time.Duration) error {
	if reason == rotation.ReasonDrift && a.drift(ctx) {
		return nil
	}
	return a.Agenda.Ask(ctx, c, reason, after)
}

type setter func(context.Context, string, secret.Value) error

func (s setter) Set(ctx context.Context, target string, v secret.Value) error {
	return s(ctx, target, v)
}

type verifier func() (rotation.Verdict, error)

func (v verifier) Verify(context.Context, string, secret.Value) (rotation.Verdict, error) { return v() }

// dropOnSecondFailure deletes the write-ahead record when a replay fails, as a plugin of Vault did.
func dropOnSecondFailure(m *rotation.Machine, _ *rotation.Subject) {
	right := m.Journals
	m.Agenda = parker{m.Agenda, func(ctx context.Context, c *rotation.Credential) {
		if rec, err := right.Load(ctx, c); err == nil && rec.State == rotation.Open && rec.Attempt > 1 {
			_, _ = right.Save(ctx, c, rotation.Record{Schema: rotation.Schema}, rec.Version)
		}
	}}
}

func promoteBeforeVerify(_ *rotation.Machine, s *rotation.Subject) {
	s.Verifier = verifier(func() (rotation.Verdict, error) { return rotation.Works, nil })
}

// regenerateOnResume puts a new password in the place of what it finds.
func regenerateOnResume(m *rotation.Machine, _ *rotation.Subject) {
	right := m.Journals
	m.Journals = journals{Journals: right, load: func(ctx context.Context, c *rotation.Credential) (rotation.Record, error) {
		rec, err := right.Load(ctx, c)
		if err == nil && rec.State == rotation.Open {
			value, _ := m.Generate(nil)
			rec.Candidates = []rotation.Candidate{{Number: 1, Value: value, State: rotation.Staged}}
		}
		return rec, err
	}}
}

// adoptWithoutAWrite takes an open journal over by reading it.
func adoptWithoutAWrite(m *rotation.Machine, _ *rotation.Subject) {
	right, found := m.Journals, rotation.Record{}
	m.Journals = journals{
		Journals: right,
		load: func(ctx context.Context, c *rotation.Credential) (_ rotation.Record, err error) {
			found, err = right.Load(ctx, c)
			return found, err
		},
		save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
			if rec.State == rotation.Open && found.State == rotation.Open && rec.Attempt == found.Attempt+1 {
				return cas, nil
			}
			return right.Save(ctx, c, rec, cas)
		},
	}
}

// closeByDelete closes by deletion, which has no check-and-set.
func closeByDelete(m *rotation.Machine, _ *rotation.Subject) {
	right := m.Journals
	m.Journals = journals{Journals: right, save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
		if rec.State == rotation.Closed {
			return 0, right.(explore.Deleter).Delete(ctx)
		}
		return right.Save(ctx, c, rec, cas)
	}}
}

// judgeByRotationID believes that current holds the last candidate when it carries the rotation's id.
func judgeByRotationID(m *rotation.Machine, _ *rotation.Subject) {
	right, journal := m.Journals, rotation.Record{}
	m.Journals = journals{
		Journals: right,
		load: func(ctx context.Context, c *rotation.Credential) (_ rotation.Record, err error) {
			journal, err = right.Load(ctx, c)
			return journal, err
		},
		save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
			version, err := right.Save(ctx, c, rec, cas)
			if err == nil {
				journal = rec
			}
			return version, err
		},
	}
	withoutAFence(m, nil) // or one rotation never promotes twice
	current := m.Secrets
	m.Secrets = secrets{current, func(ctx context.Context, p rotation.Place) (rotation.Entry, error) {
		e, err := current.Read(ctx, p)
		if last := journal.Last(); e.RotationID == journal.RotationID && last != nil {
			e.Password = last.Value
		}
		return e, err
	}}
}

// takeRefusalsAsProof removes from the journal what the provider rejects.
func takeRefusalsAsProof(m *rotation.Machine, s *rotation.Subject) {
	provider, rejected := s.Client.Setter, secret.Value{}
	s.Client.Setter = setter(func(ctx context.Context, target string, v secret.Value) error {
		err := provider.Set(ctx, target, v)
		if refused := (*rotation.Error)(nil); errors.As(err, &refused) && refused.Kind == rotation.Rejected {
			rejected = v
		}
		return err
	})
	right := m.Journals
	m.Journals = journals{Journals: right, save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
		if !rejected.IsZero() {
			rec.Candidates = slices.DeleteFunc(slices.Clone(rec.Candidates), func(c rotation.Candidate) bool { return c.Value.Equal(rejected) })
		}
		return right.Save(ctx, c, rec, cas)
	}}
}

// dropLateReplies believes that an issued password is in the journal already when the journal has changed.
func dropLateReplies(m *rotation.Machine, _ *rotation.Subject) {
	right := m.Journals
	var lost *rotation.Record
	m.Journals = journals{
		Journals: right,
		load: func(ctx context.Context, c *rotation.Credential) (rotation.Record, error) {
			if lost != nil {
				return *lost, nil
			}
			return right.Load(ctx, c)
		},
		save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
			version, err := right.Save(ctx, c, rec, cas)
			if errors.Is(err, rotation.ErrStale) {
				lost = &rec
			}
			return version, err
		},
	}
}

// promoteBlindly does not look at the journal any more once it has sent.
func promoteBlindly(m *rotation.Machine, s *rotation.Subject) {
	provider, sent := s.Client.Setter, false
	s.Client.Setter = setter(func(ctx context.Context, target string, v secret.Value) error {
		sent = true
		return provider.Set(ctx, target, v)
	})
	right, last := m.Journals, rotation.Record{}
	m.Journals = journals{Journals: right, save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
		if sent && provesClaim(rec, last) {
			return cas, nil
		}
		last = rec
		return right.Save(ctx, c, rec, cas)
	}}
}

// repairDirectly writes a former password that works over current.
func repairDirectly(m *rotation.Machine, s *rotation.Subject) {
	m.Agenda = asker{m.Agenda, func(ctx context.Context) bool {
		e, err := m.Secrets.Read(ctx, s.Credential.Place)
		if err != nil {
			return false
		}
		for version := e.Version - 1; version > 0; version-- {
			former, err := m.Secrets.Password(ctx, s.Credential.Place, version)
			if err != nil || former.IsZero() {
				continue
			}
			if verdict, err := s.Verifier.Verify(ctx, s.Credential.Target, former); err == nil && verdict == rotation.Works {
				e.Password = former
				return m.Secrets.Write(ctx, s.Credential.Place, e) == nil
			}
		}
		return false
	}}
}

// repairWithoutEnd asks for a repair after every rotation.
func repairWithoutEnd(m *rotation.Machine, _ *rotation.Subject) { m.Agenda = restless{m.Agenda} }

type restless struct{ rotation.Agenda }

func (r restless) Settle(ctx context.Context, c *rotation.Credential, end rotation.Ending) error {
	if err := r.Agenda.Settle(ctx, c, end); err != nil || !end.Promoted {
		return err
	}
	return r.Ask(ctx, c, rotation.ReasonDrift, 0)
}
