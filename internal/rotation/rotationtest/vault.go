package rotationtest

import (
	"context"
	"slices"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// lag is how far a node that lags is behind.
const lag = 10 * time.Second

// versions is what was written to one path of Vault, in its order. A node that lags has not heard of the last write while
// that is young.
type versions[T any] struct {
	all []T
	at  time.Time // of the last write of a worker; zero if there was none
}

// newest returns the last version; the zero T where there is none.
func (v *versions[T]) newest() (last T) {
	if n := len(v.all); n > 0 {
		last = v.all[n-1]
	}
	return last
}

// read returns what the node that answers has.
func read[T any](w *World, v *versions[T]) (shown T) {
	if !w.unheard(v.at) {
		return v.newest()
	}
	if n := len(v.all); n > 1 {
		shown = v.all[n-2]
	}
	return shown
}

// write adds a version after the one of number cas, unless that is not the last, or the node that answers does not know it.
func write[T any](w *World, v *versions[T], cas int, value T) error {
	if cas != len(v.all) || w.unheard(v.at) {
		return rotation.ErrStale
	}
	v.all, v.at = append(v.all, value), w.now
	return nil
}

// unheard reports that the node which answers has not heard of a write.
func (w *World) unheard(write time.Time) bool { return w.lagging && w.now.Sub(write) < lag }

type journals struct{ *Worker }

func (j journals) Load(ctx context.Context, _ *rotation.Credential) (rec rotation.Record, err error) {
	err = j.do(j.Name, "journals.load", func() error {
		rec = read(j.World, &j.journal)
		rec.Candidates = slices.Clone(rec.Candidates)
		return ctxErr(ctx)
	})
	return rec, err
}

func (j journals) Save(ctx context.Context, _ *rotation.Credential, rec rotation.Record, cas int) (version int, err error) {
	err = j.do(j.Name, "journals.save", func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rec.Version, rec.Candidates = cas+1, slices.Clone(rec.Candidates)
		if err := write(j.World, &j.journal, cas, rec); err != nil {
			return err
		}
		version = rec.Version
		return nil
	})
	return version, err
}

type secrets struct{ *Worker }

func (s secrets) Read(ctx context.Context, _ rotation.Place) (e rotation.Entry, err error) {
	err = s.do(s.Name, "secrets.read", func() error {
		e = read(s.World, &s.current)
		return ctxErr(ctx)
	})
	return e, err
}

func (s secrets) Password(ctx context.Context, _ rotation.Place, version int) (v secret.Value, err error) {
	err = s.do(s.Name, "secrets.password", func() error {
		if version <= len(s.current.all) {
			v = s.current.all[version-1].Password
		}
		return ctxErr(ctx)
	})
	return v, err
}

func (s secrets) Write(ctx context.Context, _ rotation.Place, e rotation.Entry) error {
	return s.do(s.Name, "secrets.write", func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		cas := e.Version
		e.Version, e.CreatedAt = cas+1, s.now
		if err := write(s.World, &s.current, cas, e); err != nil {
			return err
		}
		if !s.everAccepted(e.Password) {
			s.violate("consumers read a password that the provider never accepted")
		}
		return nil
	})
}

func (s secrets) Fence(ctx context.Context, _ rotation.Place, e rotation.Entry) error {
	return s.do(s.Name, "secrets.fence", func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		cas := e.Version
		e.Version, e.CreatedAt, e.Deleted = cas+1, s.now, false
		return write(s.World, &s.current, cas, e)
	})
}

// WriteCurrentByHand does what `vault kv put` does: another password, and none of keyturn's fields.
func (w *World) WriteCurrentByHand(password secret.Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted = append(w.accepted, password)
	w.live = password
	w.current.all = append(w.current.all, rotation.Entry{Version: len(w.current.all) + 1, CreatedAt: w.now, Password: password})
}

// DeleteJournal does what a person must not: the journal is gone with its versions.
func (w *World) DeleteJournal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.journal = versions[rotation.Record]{}
}

// PutBack is a person who puts the first version of current back.
func (w *World) PutBack() {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.current.all[0]
	e.Version = w.Current().Version + 1
	w.current.all = append(w.current.all, e)
	if password, there := w.identities[e.ID]; there {
		w.live = password
	}
}

// AddNote does what `vault kv patch` does to a field of a user.
func (w *World) AddNote(note string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.Current()
	e.Version, e.Rest = e.Version+1, map[string]any{"note": note}
	w.current.all = append(w.current.all, e)
}

// ResetCurrent does what `vault kv metadata delete` and a restore do: the versions start again, with a password that is
// live.
func (w *World) ResetCurrent(password secret.Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted = append(w.accepted, password)
	w.live = password
	w.current = versions[rotation.Entry]{all: []rotation.Entry{{Version: 1, CreatedAt: w.now, Password: password}}}
}
