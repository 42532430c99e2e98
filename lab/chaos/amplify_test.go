package main

import (
	"fmt"
	"testing"
	"time"

	"keyturn/internal/devenv"
)

func TestAWishIsChargedWithAllThatFollowsUntilTheNextOne(t *testing.T) {
	t.Parallel()
	c := fleet()[0]
	a := newAmplifier()
	rec := func(version int, state, id, reason string) devenv.Journal {
		return devenv.Journal{Version: version, State: state, RotationID: id, Reason: reason}
	}
	a.measure(c, done{work: work{sends: 1, logins: 1, vault: 3}}, rec(1, "open", "r1", "scheduled"), watchInterval)
	a.measure(c, done{work: work{sends: 2, logins: 2, vault: 5}}, rec(2, "closed", "r1", "scheduled"), watchInterval)
	a.measure(c, done{work: work{sends: 2, logins: 30, vault: 50}}, rec(2, "closed", "r1", "scheduled"), watchInterval) // drift checks
	a.measure(c, done{work: work{sends: 3, logins: 31, vault: 55}}, rec(4, "closed", "r2", "drift"), watchInterval)
	a.measure(c, done{work: work{sends: 4, logins: 32, vault: 60}}, rec(6, "closed", "r3", "scheduled"), watchInterval)
	worst, err := a.amplification([]credential{c})
	if want := (work{rotations: 2, sends: 3, logins: 3, vault: 10}); worst != want || err != nil {
		t.Errorf("%s (%v), want %s", worst, err, want)
	}
}

func TestAWishThatCausesMoreThanTheBoundIsNamed(t *testing.T) {
	t.Parallel()
	c := fleet()[0]
	a := newAmplifier()
	a.measure(c, done{work: work{sends: 11}}, devenv.Journal{Version: 1, State: "open", RotationID: "r1", Reason: "scheduled"}, watchInterval)
	if worst, err := a.amplification([]credential{c}); err == nil {
		t.Errorf("%s passes", worst)
	}
}

func TestWhatALateWriteCausesIsNotTheWishsThatWentBefore(t *testing.T) {
	t.Parallel()
	c := fleet()[0]
	a := newAmplifier()
	rec := func(version int, id, reason string) devenv.Journal {
		return devenv.Journal{Version: version, State: "closed", RotationID: id, Reason: reason}
	}
	sent := func(n int) done { return done{work: work{sends: n}} }
	a.measure(c, sent(1), rec(2, "r1", "on demand"), watchInterval)
	a.struck[c.ID] = true
	for i, reason := range []string{"drift", "replaced", "replaced"} {
		a.measure(c, sent(2+i), rec(4+2*i, fmt.Sprint("r", 2+i), reason), watchInterval)
	}
	worst, err := a.amplification([]credential{c})
	if want := (work{rotations: 3, sends: 3}); worst != want || err != nil {
		t.Errorf("%s (%v), want %s", worst, err, want)
	}
}

func TestARotationThatSentNothingMakesRoomForTheNext(t *testing.T) {
	t.Parallel()
	c := fleet()[0]
	a := newAmplifier()
	for i, sends := range []int{1, 1, 1, 1, 2, 3, 4} { // the second to the fourth were answered that there are too many
		rec := devenv.Journal{Version: 2 + 2*i, State: "closed", RotationID: fmt.Sprint("r", i), Reason: "drift"}
		a.measure(c, done{work: work{sends: sends}, throttled: min(i, 3)}, rec, watchInterval)
	}
	worst, err := a.amplification([]credential{c})
	if want := 4; worst.rotations != want || err == nil {
		t.Errorf("%d rotations (%v), want %d, which are too many", worst.rotations, err, want)
	}
}

func TestAWishMayCauseMoreRequestsForEachThrottledCallAndEachCheckThatMetIt(t *testing.T) {
	t.Parallel()
	c := fleet()[0]
	for _, test := range []struct {
		throttled int
		open      time.Duration
		vault     int
		passes    bool
	}{
		{0, 0, 60, true},
		{0, 0, 61, false},
		{2, 0, 72, true},
		{2, 0, 73, false},
		{0, 2 * checkEvery, 76, true},
		{0, 2 * checkEvery, 77, false},
		{0, checkEvery - time.Second, 61, false},
	} {
		a := newAmplifier()
		a.measure(c, done{}, devenv.Journal{Version: 1, State: "open", RotationID: "r1", Reason: "scheduled"}, 0)
		a.measure(c, done{work{vault: test.vault}, test.throttled}, devenv.Journal{Version: 2, State: "closed", RotationID: "r1"}, test.open)
		if worst, err := a.amplification([]credential{c}); (err == nil) != test.passes {
			t.Errorf("%+v: %s, %v", test, worst, err)
		}
	}
}
