package schedule

import (
	"fmt"
	"testing"
	"time"
)

// at reads an instant such as "2026-03-28 22:00 +0100".
func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04 -0700"} {
		if v, err := time.Parse(layout, text); err == nil {
			return v
		}
	}
	tb.Fatalf("%q is no time", text)
	return time.Time{}
}

// TestNext holds cases without splay, so that the instants can be read off a calendar.
func TestNextWithoutSplay(t *testing.T) {
	t.Parallel()
	const berlin = "Europe/Berlin" // clocks: 2026-03-29 02:00 +0100 forward, 2026-10-25 03:00 +0200 back
	night := Spec{Every: "30d", Window: "22:00-04:00"}
	saturday := Spec{Every: "1w", Zone: berlin, Window: "22:00-22:30", Days: []string{"sat"}}
	for _, tt := range []struct {
		name       string
		spec       Spec
		last, want string
	}{
		{"period", Spec{Every: "30d"}, "2026-01-01 12:34", "2026-01-31 12:34"},
		{"period into the window", night, "2026-01-01 12:00", "2026-01-31 22:00"},
		{"period after midnight inside the window", night, "2026-01-01 03:00", "2026-01-30 22:00"},
		{"period at its own place stays there", night, "2026-01-01 22:00", "2026-01-31 22:00"},
		{"a late rotation does not drift", night, "2026-01-01 23:10", "2026-01-31 22:00"},
		{"the end of a window is outside", Spec{Every: "30d", Window: "22:00-03:00"}, "2026-01-01 05:00", "2026-01-31 22:00"},
		{"short periods go on inside a window", Spec{Every: "1h", Window: "22:00-04:00"}, "2026-01-01 22:00", "2026-01-01 23:00"},
		{"short periods wait for the next window", Spec{Every: "1h", Window: "22:00-04:00"}, "2026-01-02 03:30", "2026-01-02 22:00"},
		{"day of the week", Spec{Every: "1w", Days: []string{"sat"}, Window: "22:00-04:00"}, "2026-01-01 12:00", "2026-01-10 22:00"},
		{"a window of saturday runs into sunday", Spec{Every: "1h", Days: []string{"sat"}, Window: "22:00-04:00"}, "2026-01-03 01:00", "2026-01-03 22:00"},
		{"narrow weekly window over clocks forward", saturday, "2026-03-28 22:00 +0100", "2026-04-04 22:00 +0200"},
		{"narrow weekly window over clocks back", saturday, "2026-10-24 22:00 +0200", "2026-10-31 22:00 +0100"},
		{"narrow weekly window, an hour late", saturday, "2026-01-03 23:00 +0100", "2026-01-10 22:00 +0100"},

		{"cron", Spec{Cron: "15 3 * * 1"}, "2026-01-01 00:00", "2026-01-05 03:15"},
		{"cron is strictly later", Spec{Cron: "15 3 * * *"}, "2026-01-01 03:15", "2026-01-02 03:15"},
		{"cron in a zone", Spec{Cron: "15 3 * * *", Zone: berlin}, "2026-07-01 00:00", "2026-07-01 01:15"},
		{"cron into a window", Spec{Cron: "0 12 * * *", Window: "22:00-04:00"}, "2026-01-01 00:00", "2026-01-01 22:00"},
		{"cron inside a window", Spec{Cron: "30 1 * * *", Window: "22:00-04:00"}, "2026-01-01 12:00", "2026-01-02 01:30"},
		{"weekly cron at an hour that is skipped", Spec{Cron: "30 2 * * 0", Zone: berlin}, "2026-03-23 00:00", "2026-03-29 03:00 +0200"},
		{"cron at an hour that comes twice runs at the first", Spec{Cron: "30 2 * * *", Zone: berlin}, "2026-10-25 00:00 +0200", "2026-10-25 02:30 +0200"},
		{"cron at an hour that comes twice runs once", Spec{Cron: "30 2 * * *", Zone: berlin}, "2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"},
		{"cron on a day without midnight", Spec{Cron: "0 12 24 4 *", Zone: "Africa/Cairo"}, "2026-01-01 00:00", "2026-04-24 12:00 +0300"},
		{"leap day over a century", Spec{Cron: "0 0 29 2 *"}, "2097-01-01 00:00", "2104-02-29 00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.spec.Splay = "0s"
			got := parse(t, tt.spec).Next(at(t, tt.last), "id")
			if want := at(t, tt.want); !got.Equal(want) {
				t.Errorf("got %v, want %v", got, want.UTC())
			}
			if got.Location() != time.UTC {
				t.Errorf("is in %v", got.Location())
			}
		})
	}
}

func TestOnlyTimeInsideWindowsCountsAsSplay(t *testing.T) {
	t.Parallel()
	const id = "mail/alerts" // 29m30s of 30m
	s := parse(t, Spec{Cron: "50 3 * * *", Window: "22:00-04:00", Splay: "30m"})
	got := s.Next(at(t, "2026-01-01 12:00"), id).Truncate(time.Second)
	if want := at(t, "2026-01-02 22:00").Add(19*time.Minute + 31*time.Second); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFirstOfAShortPeriodGoesOnInsideTheWindow(t *testing.T) {
	t.Parallel()
	s := parse(t, Spec{Every: "1h", Window: "22:00-04:00", Splay: "0s"})
	for now := at(t, "2026-01-01 22:00"); now.Before(at(t, "2026-01-02 03:00")); now = now.Add(10 * time.Minute) {
		if got := s.First(now, "id"); got.Sub(now) >= time.Hour {
			t.Errorf("seen at %v, due only at %v", now, got)
		}
	}
}

// TestNextIsTheSameInEveryRelease pins due times, hash included: another result would move every credential.
func TestNextIsTheSameInEveryRelease(t *testing.T) {
	t.Parallel()
	last := at(t, "2026-01-01 12:00")
	for want, got := range map[string]time.Time{
		"2026-01-31T12:59:03.624024486Z": parse(t, Spec{Every: "30d"}).Next(last, "mail/alerts"),
		"2026-02-01T03:54:21.744146917Z": parse(t, Spec{Every: "30d", Window: "22:00-04:00"}).Next(last, "mail/alerts"),
		"2026-01-02T03:59:03.624024486Z": parse(t, Spec{Cron: "0 3 * * *"}).Next(last, "mail/alerts"),
		"2026-01-04T12:43:29.29763008Z":  parse(t, Spec{Every: "30d"}).First(last, "mail/alerts"),
	} {
		if text := got.Format(time.RFC3339Nano); text != want {
			t.Errorf("got %s, want %s", text, want)
		}
	}
}

func TestSplaySpreadsSimilarIdsEvenly(t *testing.T) {
	t.Parallel()
	const ids, slots = 20000, 20
	last := at(t, "2026-01-01 12:00")
	for name, due := range map[string]func(id string) float64{
		"splay": func(id string) float64 {
			return parse(t, Spec{Every: "30d", Splay: "3d"}).Next(last, id).Sub(last.Add(30*day)).Hours() / 72
		},
		"window": func(id string) float64 {
			return parse(t, Spec{Every: "30d", Window: "22:00-04:00"}).Next(last, id).Sub(at(t, "2026-01-31 22:00")).Hours() / 6
		},
		"first": func(id string) float64 {
			return parse(t, Spec{Every: "30d"}).First(last, id).Sub(last).Hours() / 720
		},
	} {
		var count [slots]int
		for i := range ids {
			share := due(fmt.Sprintf("account/user%06d@example.com", i))
			if share < 0 || share >= 1 {
				t.Fatalf("%s: %v lies outside", name, share)
			}
			count[int(share*slots)]++
		}
		for i, n := range count {
			if n < 840 || n > 1160 { // 1000 ± 5 standard deviations
				t.Errorf("%s: slot %d holds %d of %d, want about %d", name, i, n, ids, ids/slots)
			}
		}
	}
}

func TestAWeeklyWindowHoldsEveryWeekForYears(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"} {
		s := parse(t, Spec{Every: "1w", Zone: zone, Window: "23:30-01:30", Days: []string{"thu", "sat"}})
		for _, late := range []time.Duration{0, 7 * time.Second, 40 * time.Minute} {
			slot := s.Next(at(t, "2026-01-01 12:00"), "id")
			for range 520 {
				next := s.Next(slot.Add(late), "id")
				if gap := next.Sub(slot); gap < 7*day-3*time.Hour || gap > 7*day+3*time.Hour {
					t.Fatalf("%s, %v late: %v is followed by %v", zone, late, slot, next)
				}
				slot = next
			}
		}
	}
}

func TestFirstStaysWhereItIsUntilItIsPast(t *testing.T) {
	t.Parallel()
	for _, spec := range []Spec{
		{Every: "30d"},
		{Every: "36h", Window: "22:00-04:00", Zone: "Europe/Berlin"},
		{Every: "1h", Window: "22:00-04:00"},
		{Every: "1w", Window: "22:00-04:00", Days: []string{"sat"}, Splay: "1h"},
		{Cron: "@daily", Splay: "6h"},
	} {
		s := parse(t, spec)
		for _, id := range []string{"a", "b", "mail/alerts"} {
			now := at(t, "2026-01-01 12:00")
			first := s.First(now, id)
			for restart := now; restart.Before(first); restart = restart.Add(first.Sub(now)/50 + 1) {
				if got := s.First(restart, id); !got.Equal(first) {
					t.Fatalf("%v, %s: seen at %v due %v, seen at %v due %v", s, id, now, first, restart, got)
				}
			}
			if again := s.First(first.Add(1), id); !again.After(first) {
				t.Errorf("%v, %s: %v is not after %v", s, id, again, first)
			}
		}
	}
}

//nolint:paralleltest // AllocsPerRun panics in a parallel test
func TestNextAllocatesNothingForAPeriod(t *testing.T) {
	last := at(t, "2026-01-01 12:00")
	for _, spec := range []Spec{{Every: "30d"}, {Every: "30d", Window: "22:00-04:00", Zone: "Europe/Berlin"}} {
		s := parse(t, spec)
		if n := testing.AllocsPerRun(100, func() { s.Next(last, "mail/alerts") }); n != 0 {
			t.Errorf("%v: %v allocations", s, n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	for name, spec := range map[string]Spec{
		"period":       {Every: "30d"},
		"window/UTC":   {Every: "30d", Window: "22:00-04:00"},
		"window/DST":   {Every: "30d", Window: "22:00-04:00", Zone: "Europe/Berlin"},
		"weekly/DST":   {Every: "30d", Window: "22:00-04:00", Days: []string{"sat"}, Zone: "Europe/Berlin"},
		"cron/daily":   {Cron: "0 3 * * *"},
		"cron/monthly": {Cron: "0 3 1 * *", Zone: "Europe/Berlin"},
	} {
		s := parse(b, spec)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			last := at(b, "2026-01-01 12:00")
			for b.Loop() {
				s.Next(last, "mail/alerts@example.com")
			}
		})
	}
}
