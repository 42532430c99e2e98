package main

import (
	"fmt"
	"testing"

	"keyturn/internal/devenv"
)

func TestAWishIsChargedWithAllThatFollowsUntilTheNextOne(t *testing.T) {
	t.Parallel()
	c := fleet()[0]
	a := newAmplifier()
	rec := func(version int, state, id, reason string) devenv.Journal {
		return devenv.Journal{Version: version, State: state, RotationID: id, Reason: reason}
	}
	a.measure(c, work{sends: 1, logins: 1, vault: 3}, rec(1, "open", "r1", "scheduled"))
	a.measure(c, work{sends: 2, logins: 2, vault: 5}, rec(2, "closed", "r1", "scheduled"))
	a.measure(c, work{sends: 2, logins: 30, vault: 50}, rec(2, "closed", "r1", "scheduled")) // drift checks
	a.measure(c, work{sends: 3, logins: 31, vault: 55}, rec(4, "closed", "r2", "drift"))
	a.measure(c, work{sends: 4, logins: 32, vault: 60}, rec(6, "closed", "r3", "scheduled"))
	worst, err := a.amplification([]credential{c})
	if want := (work{rotations: 2, sends: 3, logins: 3, vault: 10}); worst != want || err != nil {
		t.Errorf("%s (%v), want %s", worst, err, want)
	}
}

func TestAWishThatCausesMoreThanTheBoundIsNamed(t *testing.T) {
	t.Parallel()
	c := fleet()[0]
	a := newAmplifier()
	a.measure(c, work{sends: 11}, devenv.Journal{Version: 1, State: "open", RotationID: "r1", Reason: "scheduled"})
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
	a.measure(c, work{}, rec(2, "r1", "on demand"))
	a.struck[c.ID] = true
	for i, reason := range []string{"drift", "replaced", "replaced"} {
		a.measure(c, work{}, rec(4+2*i, fmt.Sprint("r", 2+i), reason))
	}
	worst, err := a.amplification([]credential{c})
	if want := (work{rotations: 3}); worst != want || err != nil {
		t.Errorf("%s (%v), want %s", worst, err, want)
	}
}
