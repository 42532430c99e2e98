package operate

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// every returns the next due time after a period, without splay.
func every(d time.Duration) func(time.Time) time.Time {
	return func(last time.Time) time.Time { return last.Add(d) }
}

// once is due only one time.
func once(last time.Time) time.Time { return last.AddDate(90, 0, 0) }

// addMany adds n credentials that are due at once.
func addMany(f *forecast, n int, at time.Time, next func(time.Time) time.Time) {
	for range n {
		f.add(at, next, straight)
	}
}

// straight is the start of what nothing holds back.
func straight(at time.Time) time.Time { return at }

func TestWhatFallsDueIsCountedOnItsDayAndAgainAfterItsPeriod(t *testing.T) {
	t.Parallel()
	f := newForecast(noon, 5)
	f.add(noon.Add(11*time.Hour+59*time.Minute), every(2*day), straight) // today, in two days, in four
	f.add(noon.Add(12*time.Hour), every(2*day), straight)                // from tomorrow's midnight on
	f.add(noon.AddDate(0, 0, 5), every(day), straight)                   // beyond the last day
	o := f.outlook(100)
	want := []PlanDay{
		{"2026-11-21", 1, 1200, 0}, {"2026-11-22", 1, 2400, 0}, {"2026-11-23", 1, 2400, 0}, {"2026-11-24", 1, 2400, 0}, {"2026-11-25", 1, 2400, 0},
	}
	if len(o.Days) != len(want) {
		t.Fatalf("%d days, want %d", len(o.Days), len(want))
	}
	for i, d := range o.Days {
		if d != want[i] {
			t.Errorf("%+v, want %+v", d, want[i])
		}
	}
	if o.Due != 5 || !o.RateSuffices || o.BacklogEnds != nil || o.Largest != 0 {
		t.Errorf("%+v", o)
	}
}

func TestWhatIsOverdueIsRotatedOnceHoweverOftenItWasMissed(t *testing.T) {
	t.Parallel()
	f := newForecast(noon, 2)
	f.add(noon.Add(-50*time.Hour-time.Minute), every(12*time.Hour), straight) // then at 21:59, 09:59, 21:59
	f.add(noon.AddDate(-20, 0, 0), every(time.Hour), straight)                // so long ago that it is not gone over one by one
	o := f.outlook(100)
	if o.Overdue != 2 || o.Days[0].Due != 1+11 || o.Days[1].Due != 2+24 {
		t.Errorf("%+v", o)
	}
}

func TestABacklogEndsWhenTheRateHasServedIt(t *testing.T) {
	t.Parallel()
	f := newForecast(noon.Add(30*time.Minute), 3)
	addMany(f, 1000, noon, once)
	o := f.outlook(100)
	want := time.Date(2026, 11, 21, 22, 30, 0, 0, time.UTC)
	if o.BacklogEnds == nil || !o.BacklogEnds.Equal(want) || o.Days[0].Backlog != 0 || !o.RateSuffices {
		t.Errorf("%+v, want an end at %s", o, want)
	}
	o = f.outlook(20)
	want = time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)
	if o.BacklogEnds == nil || !o.BacklogEnds.Equal(want) || o.Days[0].Backlog != 770 || o.Days[1].Backlog != 290 {
		t.Errorf("%+v, want an end at %s", o, want)
	}
	addMany(f, 60, noon.Add(40*time.Minute), once) // of them 2 a minute until 13:00, while 4 a minute can go
	o = f.outlook(240)
	want = time.Date(2026, 11, 21, 16, 55, 0, 0, time.UTC) // 1060 at 4 a minute
	if o.BacklogEnds == nil || !o.BacklogEnds.Equal(want) {
		t.Errorf("%+v, want an end at %s", o, want)
	}
	o = f.outlook(3600)
	want = time.Date(2026, 11, 21, 12, 48, 0, 0, time.UTC) // 1000 at 60 - 2 a minute, and up to a whole one
	if o.BacklogEnds == nil || !o.BacklogEnds.Equal(want) {
		t.Errorf("%+v, want an end at %s", o, want)
	}
}

func TestABacklogThatOutlivesTheHorizonHasAnEndByTheAverage(t *testing.T) {
	t.Parallel()
	f := newForecast(noon.Add(-12*time.Hour), 10)
	addMany(f, 24000, noon.AddDate(0, 0, -1), once)
	o := f.outlook(50) // 1200 a day: 20 days
	want := time.Date(2026, 12, 11, 0, 0, 0, 0, time.UTC)
	if o.BacklogEnds == nil || !o.BacklogEnds.Equal(want) || !o.RateSuffices {
		t.Errorf("%+v, want an end at %s", o, want)
	}
}

func TestABurstIsLateEvenIfTheDayHasRoomForIt(t *testing.T) {
	t.Parallel()
	f := newForecast(noon.Add(-12*time.Hour), 2)
	addMany(f, 500, noon.Add(11*time.Hour), once) // at 23:00, and 100 can go by midnight
	o := f.outlook(100)
	if o.Days[0].Backlog != 400 || o.Days[1].Backlog != 0 || o.Largest != 400 || !o.RateSuffices || o.BacklogEnds != nil {
		t.Errorf("%+v", o)
	}
}

func TestARateThatDoesNotSufficeSaysSo(t *testing.T) {
	t.Parallel()
	f := newForecast(noon.Add(-12*time.Hour), 10)
	addMany(f, 3000, noon.Add(-11*time.Hour), every(day))
	o := f.outlook(100)
	if o.RateSuffices || o.BacklogEnds != nil || o.DuePerDay != 3000 || o.CanGoPerDay != 2400 {
		t.Errorf("%+v", o)
	}
	// No credential is late twice: there are 3000 of them.
	for _, d := range o.Days {
		if d.Backlog > 3000 {
			t.Errorf("%+v", d)
		}
	}
}

func TestARateDoesNotSufficeWhereCredentialsFallDueAgainBeforeTheirTurn(t *testing.T) {
	t.Parallel()
	f := newForecast(noon.Add(-12*time.Hour), 3)
	addMany(f, 28, noon.Add(-12*time.Hour), every(10*time.Second)) // a round of all takes 28 s, well within each hour
	o := f.outlook(3600)
	if o.RateSuffices || o.BacklogEnds != nil || o.DuePerDay <= o.CanGoPerDay {
		t.Errorf("suffices %t, ends %v, %v due a day, %v can go", o.RateSuffices, o.BacklogEnds, o.DuePerDay, o.CanGoPerDay)
	}
	f = newForecast(noon.Add(-12*time.Hour), 3)
	addMany(f, 10, noon.Add(-12*time.Hour), every(10*time.Second)) // just as much as can go
	if o := f.outlook(3600); !o.RateSuffices {
		t.Errorf("%v due a day, %v can go", o.DuePerDay, o.CanGoPerDay)
	}
}

func TestNoRateAtAllNeverEndsABacklog(t *testing.T) {
	t.Parallel()
	f := newForecast(noon, 2)
	f.add(noon, once, straight)
	if o := f.outlook(0); o.RateSuffices || o.BacklogEnds != nil {
		t.Errorf("%+v", o)
	}
}
