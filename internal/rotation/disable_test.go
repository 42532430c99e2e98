package rotation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// turns is a provider that can disable identities, and notes it among the calls of its minter.
type turns struct {
	calls   *[]string
	own     string
	failing map[string]error // by call
	during  func()           // what happens while one is disabled
}

func (d turns) Disable(_ context.Context, _, id string) error {
	*d.calls = append(*d.calls, "disable "+id)
	if d.during != nil {
		d.during()
	}
	return d.failing["disable"]
}

func (d turns) Enable(_ context.Context, _, id string) error {
	*d.calls = append(*d.calls, "enable "+id)
	return d.failing["enable"]
}

func (d turns) Own(id string) bool { return id == d.own }

// callers are the processes that call with management keys.
type callers struct {
	used, missed bool
	left, stayed []string
	err          error
}

func (c *callers) Leave(_ context.Context, _ *rotation.Credential, id string) (bool, error) {
	c.left = append(c.left, id)
	return c.used, c.err
}

func (c *callers) Missed(context.Context, *rotation.Credential, string) (bool, error) {
	return c.missed, c.err
}

func (c *callers) Stay(_ context.Context, _ *rotation.Credential, id string) error {
	c.stayed = append(c.stayed, id)
	return c.err
}

// disabling is an overlap at a provider that can disable, rotated once, whose first identity is due to be retired.
func disabling(t *testing.T) (w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject, c watchedMinter, d *turns) {
	t.Helper()
	w, k, s, c = overlapping(true)
	d = &turns{calls: c.calls, failing: map[string]error{}}
	s.Client.Disabler = d
	if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
		t.Fatalf("%+v", result)
	}
	w.Advance(rotationtest.Grace)
	c.take()
	return w, k, s, c, d
}

// managing is disabling where the identity is a management key.
func managing(t *testing.T) (w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject, c watchedMinter, keys *callers) {
	t.Helper()
	w, k, s, c, _ = disabling(t)
	keys = &callers{}
	w.Keys = keys
	cred, o := *s.Credential, *s.Credential.Overlap
	o.Manages, o.Disables = true, true
	cred.Overlap, s.Credential = &o, &cred
	return w, k, s, c, keys
}

func TestAnIdentityIsDisabledForAWhileBeforeItIsRetired(t *testing.T) {
	t.Parallel()
	w, k, s, c, _ := disabling(t)
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "list, disable identity-0" || w.Journal().Identities.Retire[0].Phase != rotation.Disabled {
		t.Fatalf("%s, %+v", got, w.Journal().Identities)
	}
	w.Advance(time.Minute - time.Second)
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "" {
		t.Errorf("too early: %s", got)
	}
	w.Advance(time.Second)
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "retire identity-0" || len(w.Journal().Identities.Retire) != 0 {
		t.Errorf("%s, %+v", got, w.Journal().Identities)
	}
}

// What a run left that may have disabled it is disabled again: it counts from then.
func TestADoubtWhetherOneIsDisabledIsNotTakenForAYes(t *testing.T) {
	t.Parallel()
	w, k, s, c, d := disabling(t)
	d.failing["disable"] = &rotation.Error{Kind: rotation.InDoubt}
	result, _ := k.Run(t.Context(), s, retire)
	if phase := w.Journal().Identities.Retire[0].Phase; phase != rotation.Disabling || result.Status != rotation.Waiting {
		t.Fatalf("phase %d, %+v", phase, result)
	}
	delete(d.failing, "disable")
	c.take()
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "list, disable identity-0" || w.Journal().Identities.Retire[0].Phase != rotation.Disabled {
		t.Errorf("%s, %+v", got, w.Journal().Identities)
	}
}

func TestTheLastIdentityIsNeverDisabled(t *testing.T) {
	t.Parallel()
	w, k, s, c, d := disabling(t)
	if err := c.Minter.Retire(t.Context(), "", "identity-1"); err == nil {
		w.Violations = nil // a person did it
	}
	result, _ := k.Run(t.Context(), s, retire)
	if got := c.take(); got != "list" || result.Status != rotation.Waiting {
		t.Errorf("%s, %+v", got, result)
	}
	d.own = "identity-1" // the list was asked with it, and leaves it out
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "list, disable identity-0" {
		t.Errorf("%s", got)
	}
}

func TestWhatAPersonPutsBackIsEnabledAgain(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]func(k *rotationtest.Worker, s rotation.Subject, d *turns, back func()){
		"meanwhile": func(k *rotationtest.Worker, s rotation.Subject, d *turns, back func()) {
			d.during = back
			k.Run(t.Context(), s, retire)
			d.during = nil
		},
		"later": func(k *rotationtest.Worker, s rotation.Subject, _ *turns, back func()) {
			k.Run(t.Context(), s, retire)
			back()
			k.Run(t.Context(), s, look)
		},
		"before a rotation": func(k *rotationtest.Worker, s rotation.Subject, _ *turns, back func()) {
			k.Run(t.Context(), s, retire)
			back()
			k.Run(t.Context(), s, rotation.Job{Slot: k.Current().Slot.Add(time.Hour), Reason: rotation.ReasonScheduled})
		},
	} {
		w, k, s, c, d := disabling(t)
		when(k, s, d, func() { w.PutBack() })
		if calls := c.take(); !slices.Contains(strings.Split(calls, ", "), "enable identity-0") {
			t.Errorf("%s: %s", name, calls)
		}
		for _, waits := range w.Journal().Identities.Retire {
			if waits.ID == "identity-0" && waits.Phase != rotation.Waits {
				t.Errorf("%s: %+v", name, waits)
			}
		}
	}
}

func TestAManagementKeyIsDisabledOnlyWhenNoProcessCallsWithIt(t *testing.T) {
	t.Parallel()
	w, k, s, c, keys := managing(t)
	keys.used = true
	result, _ := k.Run(t.Context(), s, retire)
	if got := c.take(); got != "" || result.Status != rotation.Waiting || result.After > 10*time.Second || !slices.Equal(keys.left, []string{"identity-0"}) {
		t.Errorf("%s, %+v, left %q", got, result, keys.left)
	}
	forced := rotation.Job{Reason: rotation.ReasonRetire, Force: true}
	if k.Run(t.Context(), s, forced); c.take() != "" {
		t.Error("a person's haste has a key disabled that a process calls with")
	}
	keys.used = false
	if k.Run(t.Context(), s, retire); c.take() != "list, disable identity-0" {
		t.Error("it is not disabled when no process calls with it")
	}
	w.Advance(time.Minute)
	if k.Run(t.Context(), s, retire); c.take() != "retire identity-0" {
		t.Error("it is not retired when no process missed it")
	}
}

func TestAManagementKeyThatAProcessMissedIsEnabledAgain(t *testing.T) {
	t.Parallel()
	w, k, s, c, keys := managing(t)
	k.Run(t.Context(), s, retire)
	w.Advance(time.Minute)
	keys.missed = true
	c.take()
	k.Run(t.Context(), s, retire)
	waits := w.Journal().Identities.Retire[0]
	if got := c.take(); got != "enable identity-0" || waits.Phase != rotation.Waits || !slices.Contains(w.Noticed, rotation.NoticeMissed) ||
		!slices.Equal(keys.stayed, []string{"identity-0"}) {
		t.Fatalf("%s, %+v, noticed %q, stays %q", got, waits, w.Noticed, keys.stayed)
	}
	keys.missed = false
	if k.Run(t.Context(), s, retire); c.take() != "" {
		t.Error("it waits for no other grace")
	}
}

func TestWithoutAnAnswerAboutItsUsersNoManagementKeyIsTouched(t *testing.T) {
	t.Parallel()
	w, k, s, c, keys := managing(t)
	keys.err = errors.New("redis is away")
	if result, _ := k.Run(t.Context(), s, retire); c.take() != "" || !errors.Is(result.Err, keys.err) {
		t.Errorf("%+v", result)
	}
	keys.err = nil
	k.Run(t.Context(), s, retire)
	w.Advance(time.Minute)
	keys.err = errors.New("redis is away")
	c.take()
	if result, _ := k.Run(t.Context(), s, retire); c.take() != "" || !errors.Is(result.Err, keys.err) {
		t.Errorf("%+v", result)
	}
}

// Minutes later, the same worker could have the job again.
func TestARetirementOfAWorkerWhoseClockIsOffIsSoonAnothers(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"disable", "retire"} {
		w, k, s, c, d := disabling(t)
		off := &rotation.Error{Kind: rotation.ClockSkew}
		d.failing["disable"] = off
		if call == "retire" {
			s.Client.Disabler, c.refused = nil, off
			s.Client.Minter = c
		}
		w.Advance(time.Hour)
		result, _ := k.Run(t.Context(), s, retire)
		if result.Status != rotation.Waiting || result.After != 30*time.Second || !errors.Is(result.Err, off) {
			t.Errorf("%s: %+v", call, result)
		}
	}
}

// One that was listed may be any that a person has had processes call with.
func TestAManagementKeyOfNoRotationIsTakenAwayOnlyWhenNoProcessCallsWithIt(t *testing.T) {
	t.Parallel()
	w, k, s, c, keys := managing(t)
	k.Run(t.Context(), s, retire)
	w.Advance(time.Minute)
	k.Run(t.Context(), s, retire)
	if left := w.Journal().Identities.Retire; len(left) != 0 {
		t.Fatalf("%+v", left)
	}
	if _, err := s.Client.Minter.Mint(t.Context(), s.Credential.Target, (*c.labels)[0]); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Hour)
	k.Run(t.Context(), s, look)
	found := w.Journal()
	if left := found.Identities.Retire; len(left) != 1 || left[0].Phase != rotation.Unused || found.Schema != rotation.Schema-1 {
		t.Fatalf("%+v, schema %d", left, found.Schema)
	}
	w.Advance(2 * rotationtest.Grace)
	keys.used, keys.left = true, nil
	c.take()
	result, _ := k.Run(t.Context(), s, retire)
	if got := c.take(); got != "" || result.Status != rotation.Waiting || !slices.Equal(keys.left, []string{found.Identities.Retire[0].ID}) {
		t.Errorf("%s, %+v, left %q", got, result, keys.left)
	}
	keys.used = false
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "retire "+found.Identities.Retire[0].ID {
		t.Errorf("%s", got)
	}
}
