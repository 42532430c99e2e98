package schedule

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// checkProperties: whatever the schedule and the instants, due times lie inside the window by the clock on the wall,
// after the last rotation and not absurdly late, and are never earlier for a later one. from must not be after later.
func checkProperties(t *testing.T, s *Schedule, from, later time.Time, id string) {
	t.Helper()
	next, nextLater := s.Next(from, id), s.Next(later, id)
	if !next.After(from) {
		t.Fatalf("%v: next of %v is %v", s, from, next)
	}
	if nextLater.Before(next) {
		t.Fatalf("%v: next of %v is %v, of %v only %v", s, from, next, later, nextLater)
	}
	if s.period > 0 {
		checkPeriod(t, s, from, next)
	}
	first := s.First(from, id)
	if first.Before(from) {
		t.Fatalf("%v: first from %v is %v", s, from, first)
	}
	if s.period > 0 && !later.After(first) && !s.First(later, id).Equal(first) {
		t.Fatalf("%v: first from %v is %v, from %v another", s, from, first, later)
	}
	for _, due := range []time.Time{next, nextLater, first} {
		checkInside(t, s, due)
	}
}

func checkPeriod(t *testing.T, s *Schedule, last, next time.Time) {
	t.Helper()
	base := last.Add(s.period)
	if s.window == nil {
		if next.Before(base) || next.After(base.Add(s.splay)) {
			t.Fatalf("%v: next of %v is %v", s, last, next)
		}
		return
	}
	if next.Before(last.Add(s.period/2)) || next.Before(base.Add(-s.window.length-grace-time.Hour)) {
		t.Fatalf("%v: next of %v is %v, too early", s, last, next)
	}
	// The longest wait: a week to the next window, one that the clocks skip, and its length.
	if next.After(base.Add(16 * day)) {
		t.Fatalf("%v: next of %v is %v, too late", s, last, next)
	}
}

// checkInside reads the clock on the wall, unlike the code under test, which converts wall times to instants.
func checkInside(t *testing.T, s *Schedule, due time.Time) {
	t.Helper()
	w := s.window
	if w == nil {
		return
	}
	local := due.In(w.zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	today := local.Weekday()
	yesterday := (today + 6) % 7
	startedToday := w.days[today] && clock >= w.start && clock < w.start+w.length
	startedYesterday := w.days[yesterday] && clock+day >= w.start && clock+day < w.start+w.length
	if !startedToday && !startedYesterday {
		t.Fatalf("%v: %v is outside the window", s, local)
	}
}

// TestPropertiesHoldInEveryZone draws schedules that Parse takes, near the changes of the clocks of odd zones.
func TestPropertiesHoldInEveryZone(t *testing.T) {
	t.Parallel()
	zones := []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", // half an hour of DST
		"Africa/Cairo", "America/Sao_Paulo", "Asia/Beirut", "America/Havana", // at midnight
		"Africa/Casablanca", "Antarctica/Troll", "Pacific/Apia", "Asia/Kathmandu", // Ramadan, two hours, a lost day, 5:45
	}
	for _, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			drawn := 0
			for range 500 {
				s, err := Parse(draw(random, zone))
				if err != nil {
					continue // a splay too long for its window, say
				}
				drawn++
				from := time.Unix(random.Int64N(60*365*24*3600), random.Int64N(1e9))
				if _, change := from.In(s.zone()).ZoneBounds(); !change.IsZero() { // what is due then is where it is hard
					from = change.Add(-s.period - 26*time.Hour + time.Duration(random.Int64N(int64(52*time.Hour))))
				}
				later := from.Add(time.Duration(random.Int64N(int64(time.Hour) << random.IntN(12))))
				checkProperties(t, s, from, later, fmt.Sprint(random.Uint32()))
			}
			if drawn < 250 {
				t.Errorf("only %d schedules", drawn)
			}
		})
	}
}

// zone is where the schedule's wall times are read.
func (s *Schedule) zone() *time.Location {
	zone, err := time.LoadLocation(s.spec.Zone)
	if err != nil {
		panic(err) // Parse has loaded it
	}
	return zone
}

func draw(random *rand.Rand, zone string) Spec {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	spec := Spec{Zone: zone, Splay: pick("", "", "0s", "1s", "29m", "2h", "1d")}
	if random.IntN(3) == 0 {
		spec.Cron = pick("@hourly", "@daily", "@weekly", "30 2 * * 0", "*/7 * * * *", "0 0 1,15 * *", "15 0 * * 5")
	} else {
		spec.Every = pick("1s", "17m", "1h", "5h", "1d", "25h", "1w", "30d", "400d")
	}
	if random.IntN(4) > 0 {
		start, end := random.IntN(24*60), random.IntN(24*60+1)
		spec.Window = fmt.Sprintf("%02d:%02d-%02d:%02d", start/60, start%60, end/60, end%60)
	}
	for range random.IntN(3) {
		spec.Days = append(spec.Days, pick("sun", "mon", "tue", "wed", "thu", "fri", "sat", "mon-fri", "fri-sun"))
	}
	return spec
}
