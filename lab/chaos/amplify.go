package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"keyturn/internal/devenv"
)

// work is what something caused.
type work struct{ rotations, sends, logins, vault int }

func (w work) add(o work) work {
	return work{w.rotations + o.rotations, w.sends + o.sends, w.logins + o.logins, w.vault + o.vault}
}

func (w work) minus(o work) work {
	return work{w.rotations - o.rotations, w.sends - o.sends, w.logins - o.logins, w.vault - o.vault}
}

func (w work) most(o work) work {
	return work{max(w.rotations, o.rotations), max(w.sends, o.sends), max(w.logins, o.logins), max(w.vault, o.vault)}
}

func (w work) String() string {
	return fmt.Sprintf("%d/%d/%d/%d", w.rotations, w.sends, w.logins, w.vault)
}

// done is what was counted of a credential so far: what is bound, and what the bound grows by.
type done struct {
	work
	throttled int // calls that were answered that there are too many
}

// bound is what a wish may cause: docs/protocol.md, for a Setter and for an Issuer.
var bound = map[bool]work{false: {3, 10, 40, 60}, true: {3, 10, 80, 140}}

// again is what a run may cause once more whose process was killed.
var again = work{sends: 2, logins: 6, vault: 20}

// slower is what an answer of the rate limit may cause once more, and met is what a drift check does that comes while a
// rotation is open: it is a wish of its own, which takes part in the rotation.
var (
	slower = work{vault: 6}
	met    = work{logins: 2, vault: 8}
)

// repairs are the reasons of the rotations that keyturn asks for itself, to mend what an earlier one left.
var repairs = []string{"drift", "recheck", "replaced"}

// amplifier adds up what each wish causes: a scheduled rotation, a demand or a late write, with all that follows until the
// next one.
type amplifier struct {
	before map[string]done   // all so far, at the last look
	seen   map[string]string // the rotation of that look
	sent   map[string]bool   // it has sent something
	at     map[string]int    // the journal's version then
	wish   map[string]work   // what the last wish has caused
	killed map[string]int    // how often a process that worked on it was killed
	slowed map[string]int    // how often it was throttled
	busy   map[string]time.Duration
	struck map[string]bool // a late write hit it, and no rotation has begun since
	worst  map[bool]work   // by whether it is an Issuer's
	excess []string
}

func newAmplifier() *amplifier {
	return &amplifier{
		before: map[string]done{}, seen: map[string]string{}, at: map[string]int{}, wish: map[string]work{}, killed: map[string]int{},
		sent: map[string]bool{}, slowed: map[string]int{}, busy: map[string]time.Duration{}, struck: map[string]bool{}, worst: map[bool]work{},
	}
}

// measure looks at one credential, so long after the last look. What is done while its journal is closed and stays so, as
// drift checks are, is no wish's.
func (a *amplifier) measure(c credential, total done, rec devenv.Journal, since time.Duration) {
	delta := total.minus(a.before[c.ID].work)
	busy := rec.State == "open" || rec.Version != a.at[c.ID]
	sent := delta.sends > 0 || c.Overlaps // whose calls are not counted
	if id := rec.RotationID; id != a.seen[c.ID] {
		if !slices.Contains(repairs, rec.Reason) || a.struck[c.ID] {
			a.end(c)
			delete(a.struck, c.ID)
		}
		// One that sent nothing, because the rate limit or its turn kept it back, makes room for the next.
		if a.sent[c.ID] || a.wish[c.ID].rotations == 0 {
			delta.rotations++
		}
		a.seen[c.ID], a.sent[c.ID] = id, sent
	}
	a.sent[c.ID] = a.sent[c.ID] || sent
	if busy {
		a.wish[c.ID] = a.wish[c.ID].add(delta)
		a.slowed[c.ID] += total.throttled - a.before[c.ID].throttled
		a.busy[c.ID] += since
	}
	a.before[c.ID], a.at[c.ID] = total, rec.Version
}

// end closes the account of a credential's last wish.
func (a *amplifier) end(c credential) {
	issuer := !slices.Contains(setters, c.Provider)
	caused, most := a.wish[c.ID], bound[issuer]
	for range a.killed[c.ID] {
		most = most.add(again)
	}
	for range a.slowed[c.ID] {
		most = most.add(slower)
	}
	for range a.busy[c.ID] / checkEvery {
		most = most.add(met)
	}
	if caused.most(most) != most {
		a.excess = append(a.excess, fmt.Sprintf("%s %s of %s", c.ID, caused, most))
	}
	a.worst[issuer] = a.worst[issuer].most(caused)
	delete(a.wish, c.ID)
	delete(a.killed, c.ID)
	delete(a.slowed, c.ID)
	delete(a.busy, c.ID)
}

// amplify measures the whole fleet. While the sandbox is away it learns nothing.
func (w *watcher) amplify(ctx context.Context) {
	state, err := w.stage.Box.State(ctx)
	if err != nil {
		return
	}
	w.mu.Lock()
	for id := range w.orphaned {
		w.amplifier.killed[id] += w.orphaned[id]
	}
	clear(w.orphaned)
	maps.Copy(w.amplifier.struck, w.struck)
	clear(w.struck)
	w.mu.Unlock()
	now := time.Now()
	since := now.Sub(w.amplified)
	w.amplified = now
	for _, code := range minters {
		for target := range state[code] {
			if name := identity(code, target); !w.stage.known[name] {
				w.identities[name] = true
			}
		}
	}
	for _, c := range w.stage.fleet {
		if rec := w.record(c); rec.Version > 0 {
			w.amplifier.measure(c, w.caused(c, state[c.Provider]), rec, since)
		}
	}
}

// caused is what was counted of a credential. Of an overlap, whose identities come and go, and of credentials that a program
// logs in with, the provider's side is left out.
func (w *watcher) caused(c credential, state map[string]devenv.TargetState) done {
	d := done{work: work{vault: w.stage.front.count(c)}}
	if c.Overlaps {
		return d
	}
	for _, target := range c.targets("") {
		asked := state[target]
		d.sends += asked.Calls
		d.throttled += asked.Throttled
		if !w.stage.consumed[c.ID] {
			d.logins += asked.Asked.OK + asked.Asked.Refused
		}
	}
	return d
}

// amplification is the worst of each figure, of whichever wish.
func (a *amplifier) amplification(fleet []credential) (work, error) {
	for _, c := range fleet {
		a.end(c)
	}
	if len(a.excess) > 0 {
		return a.worst[false].most(a.worst[true]), errors.New("wishes caused more than docs/protocol.md allows: " + fmt.Sprint(a.excess))
	}
	return a.worst[false].most(a.worst[true]), nil
}
