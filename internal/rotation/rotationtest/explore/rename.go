package explore

import (
	"fmt"
	"slices"
	"time"

	"keyturn/internal/rotation"
)

// pathTo returns the nodes of a run, from its start.
func (x *explorer) pathTo(node int32) (path []int32) {
	for ; node != 0; node = x.nodes.at(node).parent {
		path = append(path, node)
	}
	slices.Reverse(path)
	return path
}

// survey finds all slots and versions that anybody knows.
func (r *renaming) survey(s *state) {
	record := func(id int32) {
		rec := r.records.values[id]
		r.slots = append(r.slots, rec.Slot)
		r.journal = append(r.journal, rec.Version)
		if rec.State == rotation.Open {
			r.current = append(r.current, rec.BaseVersion)
		} else if rec.CurrentVersion != 0 {
			r.current = append(r.current, rec.CurrentVersion)
		}
	}
	entry := func(id int32) {
		e := r.entries.values[id]
		r.slots = append(r.slots, e.Slot)
		r.current = append(r.current, e.Version)
	}
	record(s.journal)
	record(s.former)
	record(s.other.wrote)
	entry(s.current)
	if before := r.entries.values[s.current].before; (r.Stale || r.PutBack) && before != 0 {
		entry(before)
	}
	for _, q := range s.queue {
		if w := r.jobs.values[q.job]; !w.check {
			r.slots = append(r.slots, w.Slot)
		}
	}
	for _, id := range r.path {
		n := r.nodes.at(id)
		switch r.nodes.at(n.parent).call.op {
		case opNone:
			r.slots = append(r.slots, r.jobs.values[n.job].Slot)
		case opLoad:
			record(n.given.value)
		case opSave:
			r.journal = append(r.journal, int(n.given.value))
		case opRead:
			entry(n.given.value)
		default:
		}
	}
	r.journal, r.current = r.journal.inOrder(), r.current.inOrder()
	r.slots = slices.DeleteFunc(r.slots, time.Time.IsZero)
	slices.SortFunc(r.slots, time.Time.Compare)
	r.slots = slices.CompactFunc(r.slots, time.Time.Equal)
}

// older keeps those older entries that may still be asked for: for their password, or all of the last one.
func (r *renaming) older(s *state) (chain int32) {
	var older []entry
	before := r.entries.values[s.current].before
	for id := before; id != 0; id = r.entries.values[id].before {
		if e := r.entries.values[id]; slices.Contains(r.current, e.Version) {
			older = append(older, e)
		}
	}
	for _, e := range slices.Backward(older) {
		kept := rotation.Entry{Version: r.current.of(e.Version), Password: r.value(e.Password), ID: r.identity(e.ID)}
		if (r.Stale || r.PutBack) && e.Version == r.entries.values[before].Version {
			kept = r.readable(e.Entry)
		}
		chain = r.entry(kept, chain)
	}
	return chain
}

// readable renames an entry as it stands in Vault.
func (r *renaming) readable(e rotation.Entry) rotation.Entry {
	return rotation.Entry{
		Verified: e.Verified, Version: r.current.of(e.Version), RotationID: r.id(e.RotationID), Password: r.value(e.Password), Target: e.Target, ID: r.identity(e.ID), Username: r.username(e),
		Slot: r.slot(e.Slot), RotatedAt: r.ago(e.RotatedAt),
	}
}

// standing renames the journal as it stands in Vault.
func (r *renaming) standing(old rotation.Record) int32 {
	rec := rotation.Record{
		State: old.State, Version: r.journal.of(old.Version), Schema: old.Schema, Repairs: old.Repairs, OpenedAt: lately, TouchedAt: lately,
	}
	if !old.RecheckAt.IsZero() {
		rec.RecheckAt = r.within(old.RecheckAt)
	}
	rec.Identities = r.identities(old.Identities, r.within)
	if old.State == rotation.Closed {
		rec.Place, rec.CurrentVersion = old.Place, r.current.of(old.CurrentVersion)
		if r.Pair {
			rec.Target = old.Target
		}
		if !old.RaisedAt.IsZero() {
			rec.RaisedAt = start.Add(-long)
		}
		return r.record(rec)
	}
	rec.Account, rec.Mode, rec.BasePassword = old.Account, old.Mode, r.value(old.BasePassword)
	if !old.QuietAt.IsZero() {
		rec.QuietAt = r.within(old.QuietAt)
	}
	if r.Pair {
		rec.Reason = purpose(old.Reason)
	}
	rec.Strategy, rec.Login, rec.BaseTarget, rec.BaseLogin = old.Strategy, old.Login, old.BaseTarget, old.BaseLogin
	rec.RotationID, rec.Slot, rec.Attempt, rec.Owner = r.id(old.RotationID), r.slot(old.Slot), old.Attempt, old.Owner
	rec.Target, rec.Place, rec.BaseVersion, rec.Doubted = old.Target, old.Place, r.current.of(old.BaseVersion), old.Doubted
	if len(r.path) == 0 {
		rec.Attempt = min(rec.Attempt, 2)
	}
	for _, c := range old.Candidates {
		c.Value, c.ID, c.At = r.value(c.Value), r.identity(c.ID), r.ago(c.At)
		if c.State != rotation.Accepted {
			c.At = time.Time{}
		}
		rec.Candidates = append(rec.Candidates, c)
	}
	return r.record(rec)
}

// lately is when whatever happened of which only counts that it was neither just now nor a day ago.
var lately = start.Add(-tick)

// job renames a job. Of the time when it was wished, only counts whether current's rotation grants it.
func (r *renaming) job(old int32, granted bool) int32 {
	w := r.jobs.values[old]
	switch {
	case w.due:
	case w.check:
		w.Slot, w.at = time.Time{}, 0
	case w.Reason == rotation.ReasonResume:
		w.at = 0
	default:
		// A stopped run may still promote with the time at which it was stopped.
		w.Slot, w.Reason, w.at = r.slot(w.Slot), rotation.ReasonScheduled, max(r.later(w.at), -4*tick)
		if granted {
			w.at = -long
		}
	}
	return r.wish(w)
}

// run performs a stopped run again, under the new names. However long it slept, it slept three ticks at most.
func (r *renaming) run(stopped *run, granted bool) {
	at := r.nodes.at(stopped.node).call.op
	since := r.nodes.at(stopped.node).given.now
	asleep := min(-r.later(since), 3*tick)
	moved := func(t time.Duration) time.Duration { return t - since - asleep }

	stopped.job = r.job(stopped.job, granted)
	stopped.node = 0
	for _, id := range r.path {
		given := r.nodes.at(id).given
		given.now = moved(given.now)
		switch r.nodes.at(r.nodes.at(id).parent).call.op {
		case opNone:
			stopped.node = r.scripts.begin(stopped.job, given.now)
			continue
		case opLoad:
			given.value = r.known(given.value, moved)
		case opRead:
			given.value = r.knownEntry(given.value, moved)
		case opSave:
			given.value = int32(r.journal.of(int(given.value))) //nolint:gosec // a few dozen
		case opPassword, opGenerate, opIssue, opMint:
			given.value = r.password(given.value)
		case opList:
			for _, p := range r.sets.values[given.value] {
				r.password(p)
			}
			given.value = r.set(given.value, func(int32) bool { return true })
		case opName:
			name := rotationID(given.value)
			r.id(name)
			given.value = r.ids[name]
		default:
		}
		stopped.node = r.next(stopped.node, given)
	}
	if now := r.nodes.at(stopped.node).call.op; now != at {
		panic(fmt.Sprintf("a run that stopped at %s is at %s under other names", at, now))
	}
	if stopped.claim != 0 {
		stopped.claim = int32(r.journal.of(int(stopped.claim))) //nolint:gosec // a few dozen
		stopped.wrote = r.known(stopped.wrote, moved)
		stopped.confirmed = moved(stopped.confirmed)
	}
	stopped.hand, stopped.proven = r.password(stopped.hand), r.password(stopped.proven)
	stopped.denied = r.set(stopped.denied, func(int32) bool { return true })
	if r.Keys {
		stopped.key, stopped.stopped = r.password(stopped.key), max(r.later(stopped.stopped), -silence)
	}
}

// known renames a record that a stopped run knows.
func (r *renaming) known(old int32, moved func(time.Duration) time.Duration) int32 {
	if old == 0 {
		return 0
	}
	at := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return start.Add(moved(t.Sub(start)))
	}
	rec := r.records.values[old].Record
	rec.Version, rec.BaseVersion = r.journal.of(rec.Version), r.current.of(rec.BaseVersion)
	rec.CurrentVersion, rec.BasePassword, rec.RaisedAt = r.current.of(rec.CurrentVersion), r.value(rec.BasePassword), at(rec.RaisedAt)
	rec.RotationID, rec.Slot, rec.RecheckAt, rec.QuietAt = r.id(rec.RotationID), r.slot(rec.Slot), at(rec.RecheckAt), at(rec.QuietAt)
	rec.OpenedAt, rec.TouchedAt, rec.Since, rec.LastError = lately, lately, time.Time{}, nil
	rec.Identities = r.identities(rec.Identities, at)
	rec.Candidates = slices.Clone(rec.Candidates)
	for i := range rec.Candidates {
		c := &rec.Candidates[i]
		c.Value, c.ID, c.At = r.value(c.Value), r.identity(c.ID), at(c.At)
	}
	return r.record(rec)
}

// knownEntry renames an entry that a stopped run knows.
func (r *renaming) knownEntry(old int32, moved func(time.Duration) time.Duration) int32 {
	e := r.entries.values[old].Entry
	return r.entry(rotation.Entry{
		Version: r.current.of(e.Version), RotationID: r.id(e.RotationID), Password: r.value(e.Password), Slot: r.slot(e.Slot), Target: e.Target, ID: r.identity(e.ID), Username: r.username(e),
		RotatedAt: start.Add(moved(e.RotatedAt.Sub(start))), Verified: e.Verified,
	}, 0)
}

// purpose is what counts of a pair's reason: whether the rotation is a repair, which no grace holds up.
func purpose(reason rotation.Reason) rotation.Reason {
	switch reason {
	case rotation.ReasonAdopted:
		return reason
	case rotation.ReasonDrift, rotation.ReasonRecheck, rotation.ReasonReplaced:
		return rotation.ReasonDrift
	default:
		return rotation.ReasonScheduled
	}
}
