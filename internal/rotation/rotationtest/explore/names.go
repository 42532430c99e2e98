package explore

import (
	"fmt"
	"slices"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// table gives every distinct value a small number, so that a state consists of numbers. Number 0 is none.
type table[V any] struct {
	ids    map[string]int32
	values []V
}

func newTable[V any]() table[V] {
	return table[V]{ids: map[string]int32{"": 0}, values: make([]V, 1)}
}

func (t *table[V]) id(key []byte, value func() V) int32 {
	id, ok := t.ids[string(key)]
	if !ok {
		id = int32(len(t.values)) //nolint:gosec // memory ends long before
		t.ids[string(key)] = id
		t.values = append(t.values, value())
	}
	return id
}

// names holds what the numbers in a state stand for.
type names struct {
	passwords table[secret.Value]
	records   table[record]
	entries   table[entry]
	jobs      table[wish]
	reasons   table[rotation.Reason]
	endings   table[ending]
	sets      table[[]int32]     // of passwords, in order
	joined    map[[2]int32]int32 // set and password → set
	scratch   [512]byte
}

func newNames() *names {
	return &names{
		passwords: newTable[secret.Value](), records: newTable[record](), entries: newTable[entry](), jobs: newTable[wish](),
		reasons: newTable[rotation.Reason](), endings: newTable[ending](), sets: newTable[[]int32](), joined: map[[2]int32]int32{},
	}
}

// record is a rotation.Record, with its passwords as numbers.
type record struct {
	rotation.Record
	held   []int32 // values of its candidates
	last   int32   // the last one's value
	intent bool    // a password may exist that has not been written here
}

// entry is a rotation.Entry on top of the versions before it.
type entry struct {
	rotation.Entry
	password int32
	before   int32 // the entry that it replaced
	alone    int32 // the same entry without those before it
}

// password returns the nth password that is made.
func (n *names) password(nth int32) secret.Value {
	for int(nth) >= len(n.passwords.values) {
		text := fmt.Sprintf("password-%d", len(n.passwords.values))
		n.passwords.id([]byte(text), func() secret.Value { return secret.New(text) })
	}
	return n.passwords.values[nth]
}

func (n *names) passwordID(v secret.Value) int32 {
	return n.passwords.id([]byte(v.Reveal()), func() secret.Value { return v })
}

func (n *names) record(rec rotation.Record) int32 {
	k := n.key().num(rec.Version, int(rec.State), rec.Attempt, rec.BaseVersion, len(rec.Candidates), rec.LostGenerations).
		num(rec.Schema, int(rec.Mode), int(n.passwordID(rec.BasePassword)), rec.CurrentVersion, rec.Repairs, int(rec.Strategy)).
		text(rec.RotationID, string(rec.Reason), rec.Owner, rec.Why, rec.Account, rec.Place.Path, rec.Target, rec.Login, rec.BaseTarget, rec.BaseLogin).bools(rec.Doubted).
		times(rec.Slot, rec.OpenedAt, rec.TouchedAt, rec.Since, rec.RecheckAt, rec.RaisedAt, rec.QuietAt)
	if e := rec.LastError; e != nil {
		k = k.text(e.Kind, e.Code).times(e.At)
	}
	i := rec.Identities
	k = k.text(i.Used, i.UsedAccount, i.UsedTarget, i.Account, i.Target, i.Owner).num(len(i.Retire), len(i.Kept), int(i.Grace))
	for _, w := range i.Retire {
		k = k.text(w.ID, w.Account, w.Target).num(int(w.Phase)).times(w.NotBefore)
	}
	k = k.text(i.Kept...)
	for _, c := range rec.Candidates {
		k = k.text(c.ID).num(c.Number, int(n.passwordID(c.Value)), int(c.State), c.Sends).bools(c.Synced, c.Denied).times(c.At)
	}
	return n.records.id(k, func() record {
		r := record{Record: rec}
		r.Candidates = slices.Clone(rec.Candidates)
		for _, c := range r.Candidates {
			r.last = n.passwordID(c.Value)
			if c.ID != "" && c.Sends > 0 {
				continue // consumers will not get it
			}
			if r.last != 0 {
				r.held = append(r.held, r.last)
			} else if c.State != rotation.Dead {
				r.intent = true
			}
		}
		return r
	})
}

func (n *names) entry(e rotation.Entry, before int32) int32 {
	password := n.passwordID(e.Password)
	k := n.key().num(int(before), int(password), e.Version, e.Candidate, e.JournalVersion).
		text(e.Target, e.ID, e.Username, e.RotationID, string(e.Verified)).times(e.Slot, e.RotatedAt)
	id := n.entries.id(k, func() entry { return entry{Entry: e, password: password, before: before} })
	if n.entries.values[id].alone == 0 {
		alone := id
		if before != 0 {
			alone = n.entry(e, 0)
		}
		n.entries.values[id].alone = alone
	}
	return id
}

func (n *names) wish(w wish) int32 {
	k := n.key().text(string(w.Reason)).bools(w.check, w.heals, w.due).num(int(w.at)).times(w.Slot)
	return n.jobs.id(k, func() wish { return w })
}

func (n *names) ending(e ending) int32 {
	return n.endings.id(n.key().num(int(e.status), int(e.after)).bools(e.tells), func() ending { return e })
}

// join adds a password to a set.
func (n *names) join(set, password int32) int32 {
	pair := [2]int32{set, password}
	joined, ok := n.joined[pair]
	if !ok {
		members := n.sets.values[set]
		if at, found := slices.BinarySearch(members, password); !found && password != 0 {
			members = slices.Insert(slices.Clone(members), at, password)
		}
		joined = n.sets.id(n.key().num32(members...), func() []int32 { return members })
		n.joined[pair] = joined
	}
	return joined
}

func (n *names) contains(set, password int32) bool {
	_, found := slices.BinarySearch(n.sets.values[set], password)
	return found
}
