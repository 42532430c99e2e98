package due

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

func TestWhatFallsDueIsReadInItsOrderFromAnywhereOn(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	a, b := fleet("a", 5, every30d(t)), fleet("b", 1, every30d(t))
	for i, cred := range a {
		putOff(t, x, past.Add(time.Duration(i/3)*time.Millisecond), cred)
	}
	putOff(t, x, past, b...)
	never := fleet("c", 2, every30d(t))
	putOff(t, x, schedule.Never, never[0])
	putOff(t, x, past, never[1])
	found := have[[][]Scheduled](t)(x.Soonest(t.Context(), []Stretch{
		{Account: "a", N: 2}, {Account: "a", From: past, Skip: 2, N: 2}, {Account: "a", From: past.Add(time.Millisecond), N: 9}, {Account: "b", N: 9}, {Account: "none", N: 1}, {Account: "c", N: 9},
	}))
	var got []string
	for _, part := range found {
		text := ""
		for _, next := range part {
			i := slices.IndexFunc(slices.Concat(a, b, never), func(c *rotation.Credential) bool { return c.ID == next.ID })
			text += fmt.Sprintf(" %d at %s", i, next.At.Sub(past))
		}
		got = append(got, text)
	}
	if want := []string{" 0 at 0s 1 at 0s", " 2 at 0s 3 at 1ms", " 3 at 1ms 4 at 1ms", " 5 at 0s", "", " 7 at 0s"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestWhatIsClaimedIsReadWithTheInstantAtWhichItFellDue(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	creds := fleet("a", 2, every30d(t))
	putOff(t, x, past, creds...)
	have[[]Due](t)(x.Claim(t.Context(), "a", 1, time.Hour))
	claims := have[[][]Scheduled](t)(x.Claims(t.Context(), []string{"none", "a"}))
	if len(claims) != 2 || len(claims[0]) != 0 || len(claims[1]) != 1 || !claims[1][0].At.Equal(past) {
		t.Errorf("%v", claims)
	}
}
