// Package freeze says which scheduled rotations a change freeze holds back, and until when. It touches no journal and no
// queue: who enqueues or starts scheduled work asks it first.
package freeze

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"keyturn/internal/rotation"
)

// Freeze holds back the scheduled rotations of what its scope covers, from From on and before Until.
type Freeze struct {
	Scope
	Name   string    `json:"name,omitempty"` // in the configuration; "" where a person asked for it
	From   time.Time `json:"from,omitzero"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"` // who asked for it: user@host
}

// Longest is how long a freeze may last: a later end is a slip, or work for schedule: manual.
const Longest = 366 * 24 * time.Hour

// MaxReason is how long a reason may be, in bytes.
const MaxReason = 200

// IsReason tells whether a page and a terminal can show a text as a reason: one printable line.
func IsReason(text string) bool {
	return len(text) <= MaxReason && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}

// Scope is what is frozen: the credentials to which all of it applies. An empty one covers the whole fleet.
type Scope struct {
	Account string            `json:"account,omitempty"`
	Owner   string            `json:"owner,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
}

// Covers tells whether a credential of an account, filed under marks, is frozen too.
func (s Scope) Covers(account string, marks *rotation.Marks) bool {
	return (s.Account == "" || s.Account == account) && marks.Has(&rotation.Marks{Owner: s.Owner, Labels: s.Labels})
}

// String is the scope for people. It is the same for equal scopes only.
func (s Scope) String() string {
	var parts []string
	if s.Account != "" {
		parts = append(parts, "account "+s.Account)
	}
	if s.Owner != "" {
		parts = append(parts, "owner "+s.Owner)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		parts = append(parts, "label "+key+"="+s.Labels[key])
	}
	if len(parts) == 0 {
		return "the whole fleet"
	}
	return strings.Join(parts, ", ")
}

// Set are freezes. It never changes.
type Set []Freeze

// Of are those that cover a credential.
func (s Set) Of(account string, marks *rotation.Marks) Set {
	var all Set
	for _, f := range s {
		if f.Covers(account, marks) {
			all = append(all, f)
		}
	}
	return all
}

// At is the freeze of s that is in force at an instant; of several, the one that ends last. It is nil where there is none.
func (s Set) At(now time.Time) *Freeze {
	var last *Freeze
	for i := range s {
		if f := &s[i]; f.in(now) && (last == nil || f.Until.After(last.Until)) {
			last = f
		}
	}
	return last
}

func (f *Freeze) in(now time.Time) bool { return !now.Before(f.From) && now.Before(f.Until) }

// Thaw is the first instant from at on at which no freeze of s is in force.
func (s Set) Thaw(at time.Time) time.Time {
	for f := s.At(at); f != nil; f = s.At(at) {
		at = f.Until
	}
	return at
}

// Ahead are those that are not over.
func (s Set) Ahead(now time.Time) Set {
	return slices.DeleteFunc(slices.Clone(s), func(f Freeze) bool { return !now.Before(f.Until) })
}

// Union is what sets have. What a person froze stands in several stores, and is one.
func Union(sets ...Set) Set {
	var all Set
	known := map[string]bool{}
	for _, set := range sets {
		for _, f := range set {
			if key := f.Name + " " + f.String() + " " + f.Until.String(); !known[key] {
				known[key] = true
				all = append(all, f)
			}
		}
	}
	return all
}

// With is s with f in the place of the record of the same scope, and without what is over.
func (s Set) With(f Freeze, now time.Time) Set { return append(s.Without(f.Scope, now), f) }

// Without is s without the record of a scope, and without what is over.
func (s Set) Without(scope Scope, now time.Time) Set {
	return slices.DeleteFunc(s.Ahead(now), func(f Freeze) bool { return f.String() == scope.String() })
}
