package rotation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// lagging answers the next reads of current with an earlier version, and refuses writes as a node does that knows of
// nothing newer.
type lagging struct {
	rotation.Secrets
	w     *rotationtest.World
	reads *int
	old   rotation.Entry
}

func (l lagging) Read(ctx context.Context, p rotation.Place) (rotation.Entry, error) {
	if *l.reads--; *l.reads >= 0 {
		return l.old, nil
	}
	return l.Secrets.Read(ctx, p)
}

// behindAStandby is a world after a rotation, and a machine that reads current from a node that lags.
func behindAStandby(t *testing.T, reads int) (*rotationtest.World, *rotationtest.Worker, *rotation.Machine) {
	t.Helper()
	w, k := newWorker()
	old := w.Current()
	if result, _ := k.Run(t.Context(), k.Setter(true), scheduled(w)); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	w.Advance(time.Hour)
	m := k.Machine()
	m.Secrets = lagging{m.Secrets, w, &reads, old}
	return w, k, m
}

func TestAStaleReadOfCurrentIsReadAgain(t *testing.T) {
	t.Parallel()
	w, k, m := behindAStandby(t, 2)
	if result := m.Rotate(t.Context(), k.Setter(true), scheduled(w)); !result.Rotated || !w.Current().Password.Equal(w.Live()) {
		t.Errorf("%+v; the journal is %v: %s", result, w.Journal().State, w.Journal().Why)
	}
}

func TestAStandbyThatStaysBehindIsWaitedForWithoutAQuarantineOrARepair(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*rotation.Machine, *rotationtest.Worker, *rotationtest.World) rotation.Result{
		"a rotation": func(m *rotation.Machine, k *rotationtest.Worker, w *rotationtest.World) rotation.Result {
			return m.Rotate(context.Background(), k.Setter(true), scheduled(w))
		},
		"a check": func(m *rotation.Machine, k *rotationtest.Worker, _ *rotationtest.World) rotation.Result {
			return m.Check(context.Background(), k.Setter(true), rotation.Job{Reason: rotation.ReasonScheduled})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, k, m := behindAStandby(t, 1000)
			before := w.Current().Version
			w.TakeAsked()
			result := act(m, k, w)
			if result.Status != rotation.Waiting || result.After != 5*time.Second || w.Journal().State != rotation.Closed || w.Current().Version != before || len(w.Asked) > 0 {
				t.Errorf("%+v; the journal is %v, current has version %d after %d, asked for %q",
					result, w.Journal().State, w.Current().Version, before, w.Asked)
			}
			if !slices.Contains(w.Noticed, rotation.NoticeStaleRead) {
				t.Errorf("no notice says that Vault answers with an hour-old version: %q", w.Noticed)
			}
		})
	}
}

func TestAPathThatWasResetIsToldAndRotatedOn(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(false)
	if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	w.Advance(time.Hour)
	job := scheduled(w)
	w.ResetCurrent(rotationtest.Old)
	result, _ := k.Run(t.Context(), s, job)
	if !result.Rotated || !slices.Contains(w.Noticed, rotation.NoticePathReset) || !w.Current().Password.Equal(w.Live()) {
		t.Errorf("%+v, notices %q", result, w.Noticed)
	}
}

// falsely refuses the nth write of the journal as a standby does that knows of nothing newer.
type falsely struct {
	rotation.Journals
	nth *int
}

func (f falsely) Save(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	if *f.nth--; *f.nth == 0 {
		return 0, rotation.ErrStale
	}
	return f.Journals.Save(ctx, c, rec, cas)
}

func TestAWriteThatAStandbyRefusesFalselyIsNoLostClaim(t *testing.T) {
	t.Parallel()
	for nth := 1; nth <= 2; nth++ {
		w, k := newWorker()
		m, n := k.Machine(), nth
		m.Journals = falsely{m.Journals, &n}
		result := m.Rotate(t.Context(), k.Setter(true), scheduled(w))
		if !result.Rotated || w.Journal().State != rotation.Closed || len(w.Asked) > 0 {
			t.Errorf("write %d: %+v, asked for %q", nth, result, w.Asked)
		}
	}
}

// A user's note during a rotation on a mount that keeps one version: the base's password is in the journal.
func TestAUsersNoteDuringARotationIsNoForeignPasswordWhateverTheMountKeeps(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	m := k.Machine()
	m.Secrets = forgetful{m.Secrets}
	noted := false
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "setter.set" && !noted {
			noted = true
			w.AddNote("written meanwhile")
		}
		return rotationtest.None
	}
	result := m.Rotate(t.Context(), k.Setter(false), scheduled(w))
	if !result.Rotated || w.Journal().State != rotation.Closed {
		t.Errorf("%+v; the journal is %v: %s", result, w.Journal().State, w.Journal().Why)
	}
}

// forgetful keeps no earlier version.
type forgetful struct{ rotation.Secrets }

func (forgetful) Password(context.Context, rotation.Place, int) (secret.Value, error) {
	return secret.Value{}, errors.New("the version is gone")
}
