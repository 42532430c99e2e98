package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/freeze"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// records are what a store has of freezes and journals.
type records struct {
	rotation.Journals
	set  freeze.Set
	err  error
	open bool
}

func (r *records) Freezes(context.Context, string) (freeze.Set, error) { return r.set, r.err }

func (*records) NoteFreezes(context.Context, string, freeze.Set) error { return nil }

func (r *records) Load(context.Context, *rotation.Credential) (rotation.Record, error) {
	if r.open {
		return rotation.Record{State: rotation.Open}, nil
	}
	return rotation.Record{}, nil
}

// frozenBy is what becomes of a job beside what a store has.
func frozenBy(t *testing.T, r *records, job rotation.Job) *rotation.Result {
	t.Helper()
	clock := rotation.WallClock{}
	cfg := &config.Config{Accounts: map[string]*config.Account{"ses": {Marks: &rotation.Marks{Owner: "shop"}}}}
	h := &handler{
		clock: clock,
		freezes: &app.Freezes{
			Config: func() *config.Config { return cfg },
			Book:   freeze.NewBook(t.Context(), []string{"default"}, r, r, clock, slog.New(slog.DiscardHandler)),
		},
	}
	return h.frozen(t.Context(), r, &rotation.Credential{ID: "a", Account: "ses", Place: rotation.Place{Store: "default"}}, job)
}

// ofShop is a freeze of what the account has.
func ofShop() *records {
	return &records{set: freeze.Set{{
		Scope: freeze.Scope{Owner: "shop"}, Until: time.Date(2900, 1, 1, 0, 0, 0, 0, time.UTC), Reason: "year end",
	}}}
}

func TestScheduledWorkWaitsForTheEndOfAFreeze(t *testing.T) {
	t.Parallel()
	got := frozenBy(t, ofShop(), rotation.Job{Reason: rotation.ReasonPolicy})
	if got == nil || got.Status != rotation.Waiting || got.After != 5*time.Minute || !strings.Contains(got.Err.Error(), "frozen: year end") {
		t.Errorf("for a policy: %+v", got)
	}
	got = frozenBy(t, ofShop(), rotation.Job{Reason: rotation.ReasonScheduled})
	if got == nil || got.Status != rotation.Unresolved || got.After != 0 || !strings.Contains(got.Err.Error(), "year end") {
		t.Errorf("a slot's task, which must not stay among what its account admits: %+v", got)
	}
	if got := frozenBy(t, &records{set: freeze.Set{{Scope: freeze.Scope{Owner: "web"}, Until: ofShop().set[0].Until}}}, rotation.Job{Reason: rotation.ReasonScheduled}); got != nil {
		t.Errorf("another owner's: %+v", got)
	}
}

func TestFreezesThatWereNeverReadHoldScheduledWorkBackAndNoPerson(t *testing.T) {
	t.Parallel()
	away := &records{err: errors.New("vault is away")}
	got := frozenBy(t, away, rotation.Job{Reason: rotation.ReasonPolicy})
	if got == nil || got.Status != rotation.Waiting || got.After != 5*time.Second || !strings.Contains(got.Err.Error(), "could not be read") {
		t.Errorf("for a policy: %+v", got)
	}
	got = frozenBy(t, away, rotation.Job{Reason: rotation.ReasonScheduled})
	if got == nil || got.Status != rotation.Unresolved || !strings.Contains(got.Err.Error(), "could not be read") {
		t.Errorf("scheduled: %+v", got)
	}
	if got := frozenBy(t, away, rotation.Job{Reason: rotation.ReasonDemand}); got != nil {
		t.Errorf("on demand: %+v", got)
	}
}

func TestAFreezeLetsRepairsAndOpenRotationsFinish(t *testing.T) {
	t.Parallel()
	for _, reason := range []rotation.Reason{rotation.ReasonResume, rotation.ReasonDrift, rotation.ReasonReplaced, rotation.ReasonRecheck} {
		if got := frozenBy(t, ofShop(), rotation.Job{Reason: reason}); got != nil {
			t.Errorf("%s: %+v", reason, got)
		}
	}
	open := ofShop()
	open.open = true
	if got := frozenBy(t, open, rotation.Job{Reason: rotation.ReasonDemand}); got != nil {
		t.Errorf("on demand, and a rotation is open: %+v", got)
	}
}

func TestInAFreezeAPersonHasToInsist(t *testing.T) {
	t.Parallel()
	got := frozenBy(t, ofShop(), rotation.Job{Reason: rotation.ReasonDemand})
	if got == nil || got.Status != rotation.Unresolved || !errors.Is(got.Err, queue.ErrFrozen) || !strings.Contains(got.Err.Error(), "until 2900-01-01T00:00:00Z (year end)") {
		t.Errorf("%+v", got)
	}
	if got := frozenBy(t, ofShop(), rotation.Job{Reason: rotation.ReasonDemand, Force: true}); got != nil {
		t.Errorf("insisting: %+v", got)
	}
}
