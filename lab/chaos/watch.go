package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"keyturn/internal/devenv"
)

// watchInterval is the pause between two looks at all journals, and so the error of the times to recovery.
const watchInterval = 500 * time.Millisecond

// progress is how many rotations pass from one line of output to the next.
const progress = 50

// watcher follows the journals of the fleet.
type watcher struct {
	stage *stage

	mu        sync.Mutex
	newest    map[string]devenv.Journal // by credential
	changed   time.Time                 // when one of them last changed
	promoted  map[string]string         // reason, by rotation
	renewed   map[string]bool           // the same of management keys
	lost      map[string]int            // lost generations, by rotation
	latest    map[string]string         // the rotation that was promoted last, by credential
	hits      map[string]string         // the one before a late write that nothing has made up for yet, by credential
	cured     []string                  // reasons of the rotations that did
	struck    map[string]bool           // by a late write since the last look of the amplifier, by credential
	orphans   map[string]orphan         // by credential
	orphaned  map[string]int            // since the last look of the amplifier, by credential
	recovered []time.Duration

	identities map[string]bool // of overlaps, all that were ever seen; only the looking goroutine's
	amplifier  *amplifier      // only the looking goroutine's, until it has ended
	amplified  time.Time       // when it last looked
}

// orphan is a journal that a killed process held open.
type orphan struct {
	rotation string
	since    time.Time
}

func newWatcher(s *stage) *watcher {
	return &watcher{
		stage: s, newest: map[string]devenv.Journal{}, promoted: map[string]string{}, renewed: map[string]bool{}, lost: map[string]int{},
		latest: map[string]string{}, hits: map[string]string{}, struck: map[string]bool{},
		orphans: map[string]orphan{}, orphaned: map[string]int{}, amplifier: newAmplifier(), amplified: time.Now(),
		identities: map[string]bool{},
	}
}

// rotations is how many were seen to end with a promotion.
func (w *watcher) rotations() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.promoted)
}

// keyRotations is rotations of management keys.
func (w *watcher) keyRotations() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.renewed)
}

// start looks at all journals again and again until the returned function is called.
func (w *watcher) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for told := 0; devenv.Pause(ctx, watchInterval) == nil; {
			w.look(ctx)
			w.amplify(ctx)
			if n := w.rotations(); n-told >= progress {
				told = n
				fmt.Printf("chaos: %d rotations\n", n)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// look reads all journals once. While Vault is away it learns nothing.
func (w *watcher) look(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(4)
	for _, c := range slices.Concat(w.stage.fleet, w.stage.managed) {
		group.Go(func() error {
			if rec, err := w.stage.Vault.Journal(ctx, c.ID, 0); err == nil && rec.Version > 0 {
				w.saw(c, rec)
			}
			return nil
		})
	}
	_ = group.Wait() // what cannot be read now is read the next time
}

func (w *watcher) saw(c credential, rec devenv.Journal) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if rec.Version <= w.newest[c.ID].Version {
		return // seen before, or read before what was seen since
	}
	if rec.RotationID != w.newest[c.ID].RotationID {
		w.stage.timeline.note("%s: rotation %s, reason %s", c.ID, rec.RotationID, rec.Reason)
	}
	w.newest[c.ID], w.changed = rec, now
	w.lost[rec.RotationID] = max(w.lost[rec.RotationID], rec.LostGenerations)
	if c.Manages && rec.State == "closed" && !rec.Slot.IsZero() {
		w.renewed[rec.RotationID] = true
	} else if rec.State == "closed" && !rec.Slot.IsZero() {
		w.promoted[rec.RotationID] = rec.Reason
		w.latest[c.ID] = rec.RotationID
		if before, ok := w.hits[c.ID]; ok && before != rec.RotationID {
			delete(w.hits, c.ID)
			w.cured = append(w.cured, rec.Reason)
			w.stage.timeline.note("%s: what the late write did is made up for by a rotation, reason %s", c.ID, rec.Reason)
		}
	}
	if o, ok := w.orphans[c.ID]; ok && (rec.State != "open" || rec.RotationID != o.rotation) {
		delete(w.orphans, c.ID)
		if !c.Mute { // they wait for a server that never answers
			w.recovered = append(w.recovered, now.Sub(o.since)-w.stage.away.within(o.since, now))
		}
		w.stage.timeline.note("%s is back in a known state %v after its worker was killed", c.ID, now.Sub(o.since))
	}
}

// died notes which journals a killed process leaves open.
func (w *watcher) died(ctx context.Context, pid int) {
	at := time.Now()
	w.look(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, rec := range w.newest {
		if known := w.orphans[id]; rec.State == "open" && ownedBy(&rec, pid) && known.rotation != rec.RotationID {
			w.orphaned[id]++
			w.orphans[id] = orphan{rotation: rec.RotationID, since: at}
			w.stage.timeline.note("process %d left rotation %s of %s open", pid, rec.RotationID, id)
		}
	}
}

// open is how many journals are open; quiet is since when none of all has changed.
func (w *watcher) open() (open int, quiet time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, rec := range w.newest {
		if rec.State == "open" {
			open++
		}
	}
	return open, w.changed
}

// record is the newest journal of a credential.
func (w *watcher) record(c credential) devenv.Journal {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newest[c.ID]
}

// last is the rotation of a credential that was promoted last.
func (w *watcher) last(c credential) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest[c.ID]
}

// hit notes that a late write is about to change a credential: the next rotation is what makes up for it.
func (w *watcher) hit(c credential) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hits[c.ID], w.struck[c.ID] = w.latest[c.ID], true
}

// cures are the reasons of the rotations that came after late writes, and how many of each.
func (w *watcher) cures() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	cures := map[string]int{}
	for _, reason := range w.cured {
		cures[reason]++
	}
	return cures
}

// sum adds the figures that only the journals tell.
func (w *watcher) sum(r *result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.lost {
		r.lostGenerations += n
	}
	r.rotations = len(w.promoted)
	for _, reason := range w.promoted {
		if reason == "drift" {
			r.driftRepairs++
		}
	}
	all := slices.Sorted(slices.Values(w.recovered))
	n := len(all)
	if r.recovered = n; n == 0 {
		return
	}
	at := func(share float64) time.Duration {
		return all[min(int(share*float64(n)), n-1)].Round(100 * time.Millisecond)
	}
	r.recovery50, r.recovery99, r.recoveryLatest = at(0.50), at(0.99), at(1)
}
