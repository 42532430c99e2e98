package rotation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

func TestAPersonWhoHoldsHasWhatWaitsStayForAnotherGrace(t *testing.T) {
	t.Parallel()
	hold := rotation.Job{Reason: rotation.ReasonHold, RequestedBy: "ann"}
	w, k, s, c := overlapping(true)
	if result, _ := k.Run(t.Context(), s, hold); !errors.Is(result.Err, rotation.ErrNoneWaits) {
		t.Errorf("before anything waits: %+v", result)
	}
	rotated, _ := k.Run(t.Context(), s, scheduled(w))
	waiting := w.Journal().Identities
	if first := waiting.First(); rotated.Retiring == nil || first.IsZero() || !rotated.Retiring.First.Equal(first) {
		t.Errorf("the first of them is retired at %s, and the run says %+v", first, rotated.Retiring)
	}
	w.TakeAsked()
	w.Advance(rotationtest.Grace - time.Second)
	if result, _ := k.Run(t.Context(), s, hold); result.Status != rotation.Done || !slices.Contains(w.TakeAsked(), rotation.ReasonRetire) {
		t.Errorf("within the grace: %+v", result)
	}
	c.take()
	w.Advance(rotationtest.Grace - time.Second)
	for _, job := range []rotation.Job{retire, look} {
		k.Run(t.Context(), s, job)
		if got := c.take(); strings.Contains(got, "retire") || len(w.Identities()) != 2 {
			t.Errorf("%s: what is held is taken away: %s", job.Reason, got)
		}
	}
	w.Advance(time.Second)
	result, _ := k.Run(t.Context(), s, retire)
	if got := w.Identities(); !slices.Equal(got, []string{"identity-1"}) || result.Retiring == nil || !result.Retiring.First.IsZero() {
		t.Errorf("a grace later the provider has %q, and the run says %+v", got, result.Retiring)
	}
}
