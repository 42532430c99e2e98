package due

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

func TestWhatWorkersCountAddsUpByTheHour(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	now := have[time.Time](t)(x.Now(t.Context()))
	one := Tally{Rotated: 2, Quarantined: 1, Calls: 5, Limited: 1}
	one.Expose(20 * time.Millisecond)
	one.Expose(21 * time.Millisecond)
	one.Expose(time.Hour)
	for range 2 {
		must(t, x.Tallied(t.Context(), map[string]Tally{"a": one, "b": {Calls: 1}}))
	}
	after := have[time.Time](t)(x.Now(t.Context()))
	all := have[[]Tallies](t)(x.Tallies(t.Context(), now, 24, "a", "b", "c"))
	sum := func(tallies Tallies) (sum Tally) {
		for _, h := range tallies.Hours {
			sum.Add(h)
		}
		return sum
	}
	if now.Hour() == after.Hour() { // else what was counted last is of the hour to come
		want := Tally{Rotated: 4, Quarantined: 2, Calls: 10, Limited: 2}
		want.Exposed[1], want.Exposed[2], want.Exposed[len(want.Exposed)-1] = 2, 2, 2
		if got := sum(all[0]); got != want || all[0].Hours[23] != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if len(all) != 3 || sum(all[1]).Calls == 0 || sum(all[2]) != (Tally{}) || len(all[2].Hours) != 24 {
		t.Errorf("%+v", all)
	}
}

func TestATallyOfTwoDaysAgoCountsNothingAndIsReplaced(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	now := have[time.Time](t)(x.Now(t.Context()))
	hour := now.Unix() / 3600
	for i := range int64(48) { // and all other hours are full
		must(t, x.rdb.HSet(t.Context(), redisx.Key("a", redisx.Tally), fmt.Sprint((hour-i)%48), fmt.Sprint(hour-48-i)+strings.Repeat(" 9", 18)).Err())
	}
	if all := have[[]Tallies](t)(x.Tallies(t.Context(), now, 48, "a")); all[0].Hours[47] != (Tally{}) || all[0].Hours[0] != (Tally{}) {
		t.Errorf("%+v", all)
	}
	must(t, x.Tallied(t.Context(), map[string]Tally{"a": {Rotated: 1}}))
	after := have[time.Time](t)(x.Now(t.Context()))
	all := have[[]Tallies](t)(x.Tallies(t.Context(), after, 2, "a"))
	if got := all[0].Hours[1].Rotated + all[0].Hours[0].Rotated; got != 1 {
		t.Errorf("%+v", all)
	}
	if n := x.rdb.HLen(t.Context(), redisx.Key("a", redisx.Tally)).Val(); n != 48 {
		t.Errorf("%d fields", n)
	}
	if left := x.rdb.PTTL(t.Context(), redisx.Key("a", redisx.Tally)).Val(); left < 47*time.Hour || left > 48*time.Hour {
		t.Errorf("it is kept for %s", left)
	}
}

func TestATallyThatKeyturnDidNotWriteCountsNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "7", "7 1", "7" + strings.Repeat(" 1", 17), "7" + strings.Repeat(" 1", 19), "7 -1" + strings.Repeat(" 1", 17), "7 x" + strings.Repeat(" 1", 17), "8" + strings.Repeat(" 1", 18)} {
		if got := parseTally(text, 7); got != (Tally{}) {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if got := parseTally("7"+strings.Repeat(" 1", 18), 7); got.Rotated != 1 || got.Exposed[13] != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTheLastCheckThatWasRefusedIsKeptOfAnAccount(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	creds := fleet("a", 2, every30d(t))
	must(t, x.Checked(t.Context(), creds[0], rotation.Works))
	now := have[time.Time](t)(x.Now(t.Context()))
	if all := have[[]Tallies](t)(x.Tallies(t.Context(), now, 1, "a")); !all[0].Refused.IsZero() {
		t.Errorf("none was: %s", all[0].Refused)
	}
	must(t, x.Checked(t.Context(), creds[1], rotation.Refused))
	must(t, x.Checked(t.Context(), creds[1], rotation.Works))
	if all := have[[]Tallies](t)(x.Tallies(t.Context(), now, 1, "a")); all[0].Refused.Before(now.Truncate(time.Millisecond)) {
		t.Errorf("%s, before %s", all[0].Refused, now)
	}
}
