package main

import (
	"path/filepath"
	"testing"
	"time"

	"keyturn/internal/devenv"
)

// watching returns a watcher that reads nothing by itself.
func watching(t *testing.T) *watcher {
	t.Helper()
	line, err := newTimeline(filepath.Join(t.TempDir(), "timeline.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.file.Close() })
	return newWatcher(&stage{timeline: line})
}

var slot = time.Unix(1_000_000_000, 0)

func TestWatcherCountsARotationOnceAndOnlyIfItPromoted(t *testing.T) {
	t.Parallel()
	w, c := watching(t), credential{Credential: devenv.Credential{ID: "a"}}
	w.saw(c, devenv.Journal{Version: 1, State: "open", RotationID: "one", Slot: slot})
	w.saw(c, devenv.Journal{Version: 2, State: "closed", RotationID: "one", Slot: slot, Reason: "drift", LostGenerations: 2})
	w.saw(c, devenv.Journal{Version: 2, State: "closed", RotationID: "one", Slot: slot, Reason: "drift", LostGenerations: 2})
	w.saw(c, devenv.Journal{Version: 4, State: "closed", RotationID: "gave-up"})
	if got := w.rotations(); got != 1 {
		t.Errorf("%d rotations, want 1", got)
	}
	if r := summed(w); r.lostGenerations != 2 || r.driftRepairs != 1 {
		t.Errorf("%d lost generations and %d repairs, want 2 and 1", r.lostGenerations, r.driftRepairs)
	}
}

func TestWatcherTakesAnAdoptedJournalForStillOpen(t *testing.T) {
	t.Parallel()
	w, c := watching(t), credential{Credential: devenv.Credential{ID: "a"}}
	w.orphans["a"] = orphan{rotation: "one", since: time.Now()}
	w.saw(c, devenv.Journal{Version: 2, State: "open", RotationID: "one", Owner: "host/2"})
	if summed(w).recovered != 0 {
		t.Error("a resume is not the end of a rotation")
	}
	w.saw(c, devenv.Journal{Version: 3, State: "closed", RotationID: "one", Slot: slot})
	if r := summed(w); r.recovered != 1 || len(w.orphans) != 0 {
		t.Errorf("%d recovered, %d orphans left", r.recovered, len(w.orphans))
	}
}

func TestWatcherTakesTheNextRotationForTheCureOfALateWrite(t *testing.T) {
	t.Parallel()
	w, c := watching(t), credential{Credential: devenv.Credential{ID: "a"}}
	w.saw(c, devenv.Journal{Version: 2, State: "closed", RotationID: "one", Slot: slot, Reason: "on demand"})
	w.hit(c)
	w.saw(c, devenv.Journal{Version: 3, State: "closed", RotationID: "one", Slot: slot, Reason: "on demand"})
	if cures := w.cures(); len(cures) != 0 {
		t.Errorf("cures %v before anything was promoted", cures)
	}
	w.saw(c, devenv.Journal{Version: 5, State: "closed", RotationID: "two", Slot: slot, Reason: "drift"})
	w.saw(c, devenv.Journal{Version: 7, State: "closed", RotationID: "three", Slot: slot, Reason: "scheduled"})
	if cures := w.cures(); len(cures) != 1 || cures["drift"] != 1 {
		t.Errorf("cures %v, want one by drift", cures)
	}
}

func TestWatcherMeasuresRecoveryFromTheFirstKill(t *testing.T) {
	t.Parallel()
	w := watching(t)
	c := credential{Credential: devenv.Credential{ID: "a"}}
	w.saw(c, devenv.Journal{Version: 1, State: "open", RotationID: "one", Owner: "host/7"})
	first := time.Now().Add(-time.Minute)
	w.orphans["a"] = orphan{rotation: "one", since: first}
	w.died(t.Context(), 7)
	if got := w.orphans["a"].since; got != first {
		t.Errorf("a second kill of the same rotation restarts the time, at %v", got)
	}
}

func summed(w *watcher) result {
	var r result
	w.sum(&r)
	return r
}
