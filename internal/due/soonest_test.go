package due

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

func TestWhatFallsDueIsReadInItsOrderFromAnywhereOn(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	a, b := fleet("a", 5, every30d(t)), fleet("b", 1, every30d(t))
	for i, cred := range a {
		putOff(t, x, past.Add(time.Duration(i/3)*time.Millisecond), cred)
	}
	putOff(t, x, past, b...)
	found := have[[][]Scheduled](t)(x.Soonest(t.Context(), []Stretch{
		{Account: "a", N: 2}, {Account: "a", From: past, Skip: 2, N: 2}, {Account: "a", From: past.Add(time.Millisecond), N: 9}, {Account: "b", N: 9}, {Account: "none", N: 1},
	}))
	var got []string
	for _, part := range found {
		text := ""
		for _, next := range part {
			i := slices.IndexFunc(append(a, b...), func(c *rotation.Credential) bool { return c.ID == next.ID })
			text += fmt.Sprintf(" %d at %s", i, next.At.Sub(past))
		}
		got = append(got, text)
	}
	if want := []string{" 0 at 0s 1 at 0s", " 2 at 0s 3 at 1ms", " 3 at 1ms 4 at 1ms", " 5 at 0s", ""}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
