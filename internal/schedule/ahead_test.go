package schedule

import (
	"strconv"
	"testing"
	"time"
)

func TestAheadSaysTheSame(t *testing.T) {
	t.Parallel()
	from := at(t, "2026-03-20 12:34")
	until := from.AddDate(0, 0, 30)
	for _, spec := range []Spec{
		{Every: "1d"},
		{Every: "1d", Window: "22:00-04:00"},
		{Cron: "0 3 * * *"},
		{Cron: "0 3 * * *", Splay: "24h"},
		{Cron: "30 2 * * *", Zone: "Europe/Berlin"},
		{Cron: "*/7 * * * *"},
		{Cron: "0 12 * * *", Window: "22:00-04:00"},
		{Cron: "0 0 29 2 *"},
	} {
		s := parse(t, spec)
		fast := s.Ahead(from, until)
		for i := range 20 {
			id := "c" + strconv.Itoa(i)
			for at := from.Add(-48 * time.Hour); at.Before(until.Add(96 * time.Hour)); {
				want := s.Next(at, id)
				if got := fast.Next(at, id); !got.Equal(want) {
					t.Fatalf("%+v: after %s got %s, want %s", spec, at, got, want)
				}
				if got, want := fast.First(at, id), s.First(at, id); !got.Equal(want) {
					t.Fatalf("%+v: the first one after %s is %s, want %s", spec, at, got, want)
				}
				at = at.Add(min(want.Sub(at), 7*time.Hour))
			}
		}
	}
}

func BenchmarkAhead(b *testing.B) {
	from := at(b, "2026-03-20 12:34")
	s := parse(b, Spec{Cron: "0 3 * * *"}).Ahead(from, from.AddDate(0, 0, 30))
	for b.Loop() {
		s.Next(from, "mail/alerts@example.com")
	}
}

func TestWhatIsWorkedOutAheadIsBounded(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	every := parse(t, Spec{Cron: "* * * * *"})
	if n := len(every.Ahead(from, from.AddDate(1, 0, 0)).cron.ahead); n != maxAhead {
		t.Errorf("%d of a year of minutes", n)
	}
	if n := len(every.Ahead(from, from.Add(time.Hour)).cron.ahead); n != 60 {
		t.Errorf("%d of an hour of minutes", n)
	}
}
