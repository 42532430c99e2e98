package rotation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

func newWorker() (*rotationtest.World, *rotationtest.Worker) {
	w := rotationtest.NewWorld()
	return w, &rotationtest.Worker{World: w, Name: "one"}
}

func scheduled(w *rotationtest.World) rotation.Job {
	return rotation.Job{Slot: slot(w), Reason: rotation.ReasonScheduled}
}

// dieInTheCall runs a job that dies after the provider took the password and before anybody is told.
func dieInTheCall(w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject) {
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "setter.set" {
			return rotationtest.CrashAfter
		}
		return rotationtest.None
	}
	k.Run(context.Background(), s, scheduled(w))
	w.Decide = nil
}

// always answers every call of the provider with kind.
func always(kind rotation.Kind) func(rotationtest.Call) *rotation.Error {
	return func(rotationtest.Call) *rotation.Error {
		return &rotation.Error{Kind: kind, Provider: "model", Op: "call", Code: "Injected"}
	}
}

func TestCleanRotationCostsTwoReadsAndThreeWrites(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	count := map[string]int{}
	w.Decide = func(c rotationtest.Call) rotationtest.Fault { count[c.Op]++; return rotationtest.None }
	result, _ := k.Run(context.Background(), k.Setter(false), scheduled(w))
	if result.Status != rotation.Done || !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	reads, writes := count["journals.load"]+count["secrets.read"], count["journals.save"]+count["secrets.write"]
	if reads != 2 || writes != 3 {
		t.Errorf("got %d reads and %d writes: %v", reads, writes, count)
	}
}

func TestServedSlotChangesNothing(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	result, _ := k.Run(context.Background(), k.Setter(false), rotation.Job{Slot: w.Current().Slot})
	if result.Status != rotation.Done || result.Rotated || !w.Live().Equal(rotationtest.Old) {
		t.Errorf("got %+v", result)
	}
}

func TestFreshRepeatSendsAnotherCandidate(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	answered := false
	w.Answer = func(rotationtest.Call) *rotation.Error {
		if answered {
			return nil
		}
		answered = true
		return &rotation.Error{Kind: rotation.Repeat}
	}
	result, _ := k.Run(context.Background(), k.Setter(false), scheduled(w))
	if !result.Rotated || w.Current().Candidate != 2 {
		t.Errorf("got %+v, candidate %d", result, w.Current().Candidate)
	}
}

func TestRejectedPasswordsEndInQuarantineWithEveryCandidate(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.Answer = always(rotation.Rejected)
	result, _ := k.Run(context.Background(), k.Setter(false), scheduled(w))
	if rec := w.Journal(); result.Status != rotation.Ended || rec.State != rotation.Quarantined || len(rec.Candidates) != 4 {
		t.Errorf("got %+v, journal %v with %d candidates", result.Status, w.Journal().State, len(w.Journal().Candidates))
	}
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	if ends := w.Endings; len(ends) != 2 || ends[0].Found || ends[1].State != rotation.Quarantined || !ends[1].Found {
		t.Errorf("a run that is asked in vain is told apart from the one that ended it: %+v", ends)
	}
}

func TestUnknownTargetOfAFreshJournalKeepsNoValue(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.Answer = always(rotation.Target)
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	if rec := w.Journal(); rec.State != rotation.Quarantined || len(rec.Candidates) != 0 {
		t.Errorf("journal %v with %d candidates", rec.State, len(rec.Candidates))
	}
}

func TestUnknownTargetAfterADoubtKeepsTheCandidates(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	calls := 0
	w.Answer = func(rotationtest.Call) *rotation.Error {
		if calls++; calls == 1 {
			return &rotation.Error{Kind: rotation.InDoubt}
		}
		return &rotation.Error{Kind: rotation.Target}
	}
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	if rec := w.Journal(); rec.State != rotation.Quarantined || len(rec.Candidates) != 1 {
		t.Errorf("journal %v with %d candidates", rec.State, len(rec.Candidates))
	}
}

func TestRefusedKeyLeavesNoOpenJournalAndWaits(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.Answer = always(rotation.Unauthorized)
	result, _ := k.Run(context.Background(), k.Setter(false), scheduled(w))
	if result.Status != rotation.Waiting || w.Journal().State != rotation.Closed {
		t.Errorf("got %v, journal %v", result.Status, w.Journal().State)
	}
	w.Answer = nil
	if result, _ = k.Run(context.Background(), k.Setter(false), scheduled(w)); !result.Rotated {
		t.Errorf("the slot was lost: %+v", result)
	}
}

func TestAHeldCredentialMakesDuplicatesWait(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	dieInTheCall(w, k, k.Setter(false))
	if result, _ := k.Run(context.Background(), k.Setter(false), scheduled(w)); result.Status != rotation.Waiting || result.After > 15*time.Second {
		t.Errorf("got %+v", result)
	}
	result, _ := k.Run(context.Background(), k.Setter(false), rotation.Job{Reason: rotation.ReasonResume})
	if !result.Rotated || w.Current().Candidate != 1 {
		t.Errorf("a resume did not finish the rotation: %+v", result)
	}
	if !slices.Contains(w.TakeAsked(), rotation.ReasonRecheck) || w.Journal().RecheckAt.IsZero() {
		t.Error("an adopted rotation closed without a recheck")
	}
}

func TestChangeByHandDuringARotationIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	dieInTheCall(w, k, k.Setter(false))
	w.WriteCurrentByHand(secret.New("by-hand"))
	result, _ := k.Run(context.Background(), k.Setter(false), rotation.Job{Reason: rotation.ReasonResume})
	if result.Status != rotation.Ended || !w.Current().Password.Equal(secret.New("by-hand")) {
		t.Errorf("got %+v", result)
	}
}

func TestDriftIsRepairedByARotation(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.ChangeByHand(secret.New("by-hand"))
	if result, _ := k.Run(context.Background(), k.Setter(true), rotation.Job{Reason: rotation.ReasonRecheck}); result.Status != rotation.Done {
		t.Fatalf("got %+v", result)
	}
	if asked := w.TakeAsked(); !slices.Equal(asked, []rotation.Reason{rotation.ReasonDrift}) {
		t.Errorf("asked for %v", asked)
	}
	if !w.Current().Password.Equal(rotationtest.Old) {
		t.Error("a check wrote current")
	}
}

func TestMinimumIntervalKeepsRotationsApart(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	result, _ := k.Run(context.Background(), k.Setter(false), scheduled(w))
	if result.Status != rotation.Waiting || result.Rotated {
		t.Errorf("got %+v", result)
	}
}

func TestIssuerThatLosesRepliesIsAskedAgainAndCounted(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	lost := 0
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "issuer.issue" && lost < 2 {
			lost++
			return rotationtest.LostReply
		}
		return rotationtest.None
	}
	result, _ := k.Run(context.Background(), k.Issuer(false), scheduled(w))
	if !result.Rotated || w.Lost != 2 || w.Journal().LostGenerations != 2 {
		t.Errorf("got %+v, lost %d, journal says %d", result, w.Lost, w.Journal().LostGenerations)
	}
	if !w.Current().Password.Equal(w.Live()) {
		t.Error("consumers do not read the live password")
	}
}

func TestAResumeOfAnOlderSlotGoesOnToTheJobsOwn(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	dieInTheCall(w, k, k.Setter(false))
	w.Advance(time.Minute)
	demand := rotation.Job{Slot: slot(w).Add(time.Second), Reason: rotation.ReasonDemand}
	result, _ := k.Run(context.Background(), k.Setter(false), demand)
	if result.Status != rotation.Waiting || !result.Rotated {
		t.Fatalf("the older rotation alone served the wish: %+v", result)
	}
	w.Advance(time.Minute)
	if result, _ = k.Run(context.Background(), k.Setter(false), demand); result.Status != rotation.Done || w.Current().Slot.Before(demand.Slot) {
		t.Errorf("got %+v, slot %v", result, w.Current().Slot)
	}
}

func TestAdoptStoresALivePasswordAndRefusesAnother(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	live := secret.New("by-hand")
	w.ChangeByHand(live)
	job := rotation.Job{Slot: slot(w), Reason: rotation.ReasonAdopted}
	if err := k.Machine().Adopt(t.Context(), k.Setter(true), job, rotation.Live{Password: secret.New("a guess")}); !errors.Is(err, rotation.ErrNotLive) {
		t.Errorf("a password that does not work gave %v", err)
	}
	if err := k.Machine().Adopt(t.Context(), k.Setter(true), job, rotation.Live{Password: live}); err != nil {
		t.Fatal(err)
	}
	if got := w.Current(); !got.Password.Equal(live) || got.Verified != rotation.VerifiedYes || w.Journal().State != rotation.Closed {
		t.Errorf("got %+v, journal %v", got.Verified, w.Journal().State)
	}
}

func TestAdoptLeavesAnOpenRotationAlone(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	dieInTheCall(w, k, k.Setter(true))
	w.Advance(time.Minute)
	if err := k.Machine().Adopt(t.Context(), k.Setter(true), scheduled(w), rotation.Live{Password: w.Live()}); !errors.Is(err, rotation.ErrOpen) {
		t.Errorf("got %v", err)
	}
}

func TestARunTellsWhichRotationItCameTo(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s, during := k.Setter(false), ""
	right := s.Client.Setter
	s.Client.Setter = setter(func(ctx context.Context, target string, v secret.Value) error {
		during = rotation.IDOf(ctx)
		return right.Set(ctx, target, v)
	})
	result, _ := k.Run(t.Context(), s, scheduled(w))
	if want := w.Current().RotationID; during != want || result.RotationID != want {
		t.Errorf("the call was made for %q, the result is of %q, want %q", during, result.RotationID, want)
	}
}
