package core

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// maxHistory bounds what is remembered of a target's earlier passwords, and maxComing its passwords on their way to
// the SMTP side.
const (
	maxHistory = 32
	maxComing  = 16
)

// Record is the state of one target. It is replaced as a whole, so a reader never sees half a change.
type Record struct {
	Target     string    `json:"target"`
	ID         int       `json:"id,omitempty"` // a running number, where the provider gives one
	Username   string    `json:"username,omitempty"`
	Live       string    `json:"live"`     // what the API regards as the password
	Previous   string    `json:"previous"` // what it was before
	Version    int       `json:"version"`  // how many passwords were accepted, by API or by hand
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	History    []string  `json:"history,omitempty"` // the first 8 bytes of each one's SHA-256 in hex, oldest first
	Serving    string    `json:"serving"`           // what the SMTP side accepts
	Coming     []coming  `json:"coming,omitempty"`  // what it will accept, and when
}

// coming is a password on its way to the SMTP side.
type coming struct {
	Password string    `json:"password"`
	At       time.Time `json:"at"`
}

// accept returns the record with password as the live one, which the SMTP side learns after delay.
func (r Record) accept(password string, now time.Time, delay time.Duration) Record {
	r = r.settle(now)
	r.Previous, r.Live = r.Live, password
	r.Version++
	r.AcceptedAt = now
	sum := sha256.Sum256([]byte(password))
	r.History = lastOf(append(slices.Clone(r.History), hex.EncodeToString(sum[:8])), maxHistory)
	at := now.Add(delay)
	// A newer password never loses to an older one that is still on its way.
	kept := slices.DeleteFunc(slices.Clone(r.Coming), func(c coming) bool { return !c.At.Before(at) })
	r.Coming = lastOf(append(kept, coming{Password: password, At: at}), maxComing)
	return r.settle(now)
}

// settle moves what has arrived at the SMTP side by now.
func (r Record) settle(now time.Time) Record {
	for len(r.Coming) > 0 && !now.Before(r.Coming[0].At) {
		r.Serving, r.Coming = r.Coming[0].Password, r.Coming[1:]
	}
	return r
}

func lastOf[T any](s []T, n int) []T {
	if len(s) > n {
		return s[len(s)-n:]
	}
	return s
}

// entry guards one target, so that a slow write of one holds up no other.
type entry struct {
	// These never change.
	target string
	names  []string // SMTP user names

	mu        sync.Mutex
	record    Record
	gone      bool // deleted; a caller that still holds the entry must not bring it back
	asked     Logins
	calls     int
	throttled int
}

// Ledger keeps the password state of one provider. A change is visible only after the store has it.
type Ledger struct {
	code    string
	now     func() time.Time
	store   *store
	repeats bool // whether setting the password that stands is an error
	names   func(Record) []string

	mu      sync.RWMutex
	entries map[string]*entry
	logins  map[string][]*entry // by SMTP user name
	lastID  int
}

func newLedger(code string, now func() time.Time, st *store, repeats bool, names func(Record) []string) *Ledger {
	return &Ledger{
		code: code, now: now, store: st, repeats: repeats, names: names,
		entries: map[string]*entry{}, logins: map[string][]*entry{},
	}
}

// aliases are the names by which a fault may call a target.
func (l *Ledger) aliases(target string) []string {
	if e := l.entry(target); e != nil {
		return append([]string{target}, e.names...)
	}
	return []string{target}
}

// restore puts a record from the state file back.
func (l *Ledger) restore(r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index(r)
}

// Add makes targets known and returns the records of those that were not known before.
func (l *Ledger) Add(targets ...Target) ([]Record, error) {
	now := l.now()
	var added []Record
	var writes []stored
	l.mu.Lock()
	for _, t := range targets {
		if _, known := l.entries[t.Target]; known {
			continue
		}
		r := Record{Target: t.Target, ID: l.lastID + 1, Username: t.Username, CreatedAt: now}
		if t.Password != "" {
			r = r.accept(t.Password, now, 0)
		}
		l.index(r)
		added = append(added, r)
		writes = append(writes, stored{Provider: l.code, Target: r.Target, Record: &r})
	}
	l.mu.Unlock()
	return added, l.store.put(writes...)
}

// index needs l.mu.
func (l *Ledger) index(r Record) {
	e := &entry{record: r, target: r.Target, names: l.names(r)}
	l.lastID = max(l.lastID, r.ID)
	l.entries[r.Target] = e
	for _, name := range e.names {
		l.logins[name] = append(l.logins[name], e)
	}
}

// Remove forgets a target.
func (l *Ledger) Remove(target string) error {
	l.mu.Lock()
	e, ok := l.entries[target]
	if ok {
		delete(l.entries, target)
		for _, name := range e.names {
			l.logins[name] = without(l.logins[name], e)
			if len(l.logins[name]) == 0 {
				delete(l.logins, name)
			}
		}
	}
	l.mu.Unlock()
	if !ok {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = true
	return l.store.put(stored{Provider: l.code, Target: target})
}

// without returns a new list, because login may still be reading the old one.
func without(list []*entry, e *entry) []*entry {
	kept := make([]*entry, 0, len(list))
	for _, o := range list {
		if o != e {
			kept = append(kept, o)
		}
	}
	return kept
}

// reset forgets everything.
func (l *Ledger) reset() error {
	for _, r := range l.List("") {
		if err := l.Remove(r.Target); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastID = 0
	return nil
}

func (l *Ledger) entry(target string) *entry {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.entries[target]
}

// Get returns a target's state as of now.
func (l *Ledger) Get(target string) (Record, bool) {
	e := l.entry(target)
	if e == nil {
		return Record{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.record.settle(l.now()), !e.gone
}

// Set makes password the live one. Its outcome is OutAccepted, OutRepeat, OutUnknown, or OutFailed if the state file
// could not be written, and then nothing has changed.
func (l *Ledger) Set(target, password string, delay time.Duration) (Record, Outcome) {
	return l.change(target, password, delay, l.repeats)
}

// force makes password the live one as a person would, without any rule.
func (l *Ledger) force(target, password string) (Record, Outcome) {
	return l.change(target, password, 0, false)
}

func (l *Ledger) change(target, password string, delay time.Duration, repeats bool) (Record, Outcome) {
	e := l.entry(target)
	if e == nil {
		return Record{}, OutUnknown
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.gone:
		return Record{}, OutUnknown
	case repeats && password == e.record.Live:
		return e.record, OutRepeat
	}
	next := e.record.accept(password, l.now(), delay)
	if err := l.store.put(stored{Provider: l.code, Target: target, Record: &next}); err != nil {
		return Record{}, OutFailed
	}
	e.record = next
	return next, OutAccepted
}

// List returns the records whose target begins with prefix, in the order in which they were added.
func (l *Ledger) List(prefix string) []Record {
	l.mu.RLock()
	found := make([]*entry, 0, len(l.entries))
	for target, e := range l.entries {
		if strings.HasPrefix(target, prefix) {
			found = append(found, e)
		}
	}
	l.mu.RUnlock()
	records := make([]Record, len(found))
	for i, e := range found {
		e.mu.Lock()
		records[i] = e.record.settle(l.now())
		e.mu.Unlock()
	}
	sort.Slice(records, func(i, j int) bool { return records[i].ID < records[j].ID })
	return records
}
