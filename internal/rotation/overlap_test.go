package rotation_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// watchedMinter notes the calls of an overlap's provider, and lets a test answer in its place.
type watchedMinter struct {
	rotation.Minter
	calls  *[]string
	full   func() bool
	labels *[]rotation.Label
	// targets are where identities were retired.
	targets *map[string]string
	// refused is the answer to every list and retirement; nil lets them through.
	refused *rotation.Error
}

func (c watchedMinter) Mint(ctx context.Context, target string, label rotation.Label) (rotation.Identity, error) {
	*c.calls, *c.labels = append(*c.calls, "mint"), append(*c.labels, label)
	if c.full != nil && c.full() {
		return rotation.Identity{}, &rotation.Error{Kind: rotation.Full}
	}
	return c.Minter.Mint(ctx, target, label)
}

func (c watchedMinter) Identities(ctx context.Context, target, owner string, turn func(context.Context) error) ([]string, error) {
	*c.calls = append(*c.calls, "list")
	if c.refused != nil {
		return nil, c.refused
	}
	return c.Minter.Identities(ctx, target, owner, turn)
}

func (c watchedMinter) Retire(ctx context.Context, target, id string) error {
	*c.calls = append(*c.calls, "retire "+id)
	(*c.targets)[id] = target
	if c.refused != nil {
		return c.refused
	}
	return c.Minter.Retire(ctx, target, id)
}

func overlapping(verified bool) (w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject, c watchedMinter) {
	w, k = newWorker()
	s = k.Overlap(verified)
	c = watchedMinter{Minter: s.Client.Minter, calls: new([]string), labels: new([]rotation.Label), targets: &map[string]string{}}
	s.Client.Minter = c
	return w, k, s, c
}

func (c watchedMinter) take() string {
	all := strings.Join(*c.calls, ", ")
	*c.calls = nil
	return all
}

var (
	retire = rotation.Job{Reason: rotation.ReasonRetire}
	look   = rotation.Job{Reason: rotation.ReasonRecheck}
)

func TestAnIdentityIsRetiredWhenItsGraceIsOver(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated || w.Current().ID != "identity-1" || c.take() != "mint" {
		t.Fatalf("%+v, current is %q", result, w.Current().ID)
	}
	if !slices.Contains(w.TakeAsked(), rotation.ReasonRetire) {
		t.Error("nothing asks for the retirement")
	}
	w.Advance(rotationtest.Grace - time.Second)
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "" || len(w.Identities()) != 2 {
		t.Errorf("within its grace: %s", got)
	}
	w.Advance(time.Second)
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "retire identity-0" || !slices.Equal(w.Identities(), []string{"identity-1"}) {
		t.Errorf("after its grace: %s, and the provider has %q", got, w.Identities())
	}
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "" {
		t.Errorf("it is retired again: %s", got)
	}
}

// What a rotation left behind whose reply was lost carries the label.
func TestACheckNotesWhatIsUnknownAndRetiresItLater(t *testing.T) {
	t.Parallel()
	for _, verified := range []bool{false, true} {
		w, k, s, c := overlapping(verified)
		k.Run(t.Context(), s, scheduled(w))
		if _, err := c.Minter.Mint(t.Context(), "", rotation.Label{}); err == nil {
			w.Violations = nil // the test made it, and not a rotation
		}
		c.take()
		k.Run(t.Context(), s, look)
		waiting := w.Journal().Identities.Retire
		if got := c.take(); got != "list" || len(waiting) != 2 || waiting[1].ID != "identity-2" {
			t.Errorf("verified %v: %s, %+v wait", verified, got, waiting)
		}
		w.Advance(rotationtest.Grace)
		k.Run(t.Context(), s, look)
		if got := w.Identities(); !slices.Equal(got, []string{"identity-1"}) {
			t.Errorf("verified %v: the provider has %q", verified, got)
		}
	}
}

// Whatever an overlap finds when it begins is a person's, also where it begins again: with another label, account or target,
// or because its journal was deleted. A check before that touches nothing.
func TestWhatAnOverlapFindsWhenItBeginsIsKept(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*rotationtest.World, *rotation.Credential){
		"a secret without the name of an identity": func(w *rotationtest.World, _ *rotation.Credential) {
			w.DeleteJournal()
			w.WriteCurrentByHand(rotationtest.Old)
		},
		"a journal that was deleted": func(w *rotationtest.World, _ *rotation.Credential) { w.DeleteJournal() },
		"another label":              func(_ *rotationtest.World, c *rotation.Credential) { c.Overlap.Owner = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, k, s, c := overlapping(true)
			_, _ = c.Minter.Mint(t.Context(), "", rotation.Label{}) // identity-1
			w.Violations = nil                                      // a person made it
			before(w, s.Credential)
			c.take()
			k.Run(t.Context(), s, look)
			if got := c.take(); got != "" {
				t.Errorf("a check before the first rotation: %s", got)
			}
			w.Advance(time.Hour)
			job := rotation.Job{Slot: k.Machine().Clock.Now(), Reason: rotation.ReasonScheduled}
			if result, _ := k.Run(t.Context(), s, job); !result.Rotated || c.take() != "list, mint" {
				t.Fatalf("%+v", result)
			}
			for range 3 {
				w.Advance(2 * rotationtest.Grace)
				k.Run(t.Context(), s, look)
			}
			if got := w.Identities(); !slices.Contains(got, "identity-1") {
				t.Errorf("the provider has %q", got)
			}
		})
	}
}

func TestAFullProviderIsGivenRoomOrWaitedFor(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	w.Advance(rotationtest.Grace / 2)
	c.full = func() bool { return len(w.Identities()) >= 2 }
	s.Client.Minter = c
	c.take()
	job := scheduled(w)
	result, _ := k.Run(t.Context(), s, job)
	if result.Status != rotation.Waiting || result.After != rotationtest.Grace/2 || c.take() != "mint, list, mint" {
		t.Fatalf("%+v", result)
	}
	w.Advance(result.After)
	result, _ = k.Run(t.Context(), s, job)
	if got := c.take(); result.Status != rotation.Done || got != "mint, list, retire identity-0, mint" { // another rotation, which tries at once
		t.Errorf("%+v: %s", result, got)
	}
}

// A day may pass until there is room: that is not a day in which the provider gave no answer that counts, and what asks
// for the retirement meanwhile need not wait for the rotation.
func TestARotationThatWaitsForRoomHasNoOpenJournal(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	longer := *s.Credential.Overlap
	longer.Grace = 48 * time.Hour
	s.Credential.Overlap = &longer
	k.Run(t.Context(), s, scheduled(w))
	w.Advance(time.Hour)
	c.full = func() bool { return len(w.Identities()) >= 2 }
	s.Client.Minter = c
	job := scheduled(w)
	result, _ := k.Run(t.Context(), s, job)
	if result.Status != rotation.Waiting || result.After != 47*time.Hour || w.Journal().State != rotation.Closed {
		t.Fatalf("%+v, and the journal is %v", result, w.Journal().State)
	}
	w.Advance(result.After)
	w.Answer = func(rotationtest.Call) *rotation.Error {
		w.Answer = nil
		return &rotation.Error{Kind: rotation.InDoubt}
	}
	for range 5 {
		if result, _ = k.Run(t.Context(), s, job); result.Status == rotation.Done {
			break
		}
		w.Advance(max(result.After, time.Minute))
	}
	if result.Status != rotation.Done || !result.Rotated {
		t.Errorf("%+v", result)
	}
}

func TestAProviderThatIsFullOfOthersIsRaisedAndThenGivenUp(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	w.Advance(time.Hour)
	c.full = func() bool { return true }
	s.Client.Minter = c
	job := scheduled(w)
	for range 40 {
		result, _ := k.Run(t.Context(), s, job)
		if result.Status == rotation.Ended {
			break
		}
		w.Advance(max(result.After, time.Minute))
	}
	if rec := w.Journal(); rec.State != rotation.Quarantined || !strings.HasPrefix(rec.Why, "full: ") {
		t.Errorf("%v: %s", rec.State, rec.Why)
	}
	if !slices.Contains(w.Noticed, rotation.NoticeFull) {
		t.Errorf("notices %q", w.Noticed)
	}
	if !w.Current().Password.Equal(rotationtest.Old) {
		t.Error("consumers have another password than the one that works")
	}
}

func TestEveryCallHasALabelOfItsOwn(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	for range 3 {
		w.Advance(time.Hour)
		faultOnce(w, "minter.mint")
		job := scheduled(w)
		for {
			result, _ := k.Run(t.Context(), s, job)
			if result.Status == rotation.Done {
				break
			}
			w.Advance(max(result.After, time.Minute))
		}
	}
	seen := map[string]bool{}
	for _, label := range *c.labels {
		if seen[label.Part] || label.Owner != "ours" || label.Part == "" {
			t.Errorf("label %+v", label)
		}
		seen[label.Part] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d labels", len(seen))
	}
}

func TestAnIdentityThatAPersonPutBackIsUsedAndTheOtherRetired(t *testing.T) {
	t.Parallel()
	w, k, s, _ := overlapping(true)
	before := w.Current()
	k.Run(t.Context(), s, scheduled(w))
	back := w.Current()
	back.ID, back.Password = before.ID, before.Password
	if err := k.Machine().Secrets.Write(t.Context(), rotation.Place{}, back); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * rotationtest.Grace)
	k.Run(t.Context(), s, look)
	if got := w.Identities(); !slices.Contains(got, "identity-0") {
		t.Fatalf("what consumers use is retired: %q", got)
	}
	k.Run(t.Context(), s, rotation.Job{Slot: w.Current().Slot.Add(2 * time.Hour), Reason: rotation.ReasonScheduled})
	for range 2 {
		w.Advance(rotationtest.Grace)
		k.Run(t.Context(), s, look)
	}
	if got := w.Identities(); !slices.Equal(got, []string{w.Current().ID}) {
		t.Errorf("the provider has %q, and consumers use %q", got, w.Current().ID)
	}
}
