package operate

import (
	"math"
	"slices"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/schedule"
)

// forecast adds up what falls due at one account and what its rate lets go. It is pure, and counts by the hour, so that
// what falls due in one hour of a day is not served by the others.
type forecast struct {
	from, until time.Time                                 // UTC; until is midnight
	hours       []int                                     // what falls due in each hour, the first one being that of from
	overdue     int                                       // at from
	scheduled   int                                       // credentials that have a due time
	schedules   map[*schedule.Schedule]*schedule.Schedule // worked out for the time of the forecast
}

// newForecast is about the rest of today and the days after it, days in all.
func newForecast(from time.Time, days int) *forecast {
	from = from.UTC()
	until := from.Truncate(day).Add(time.Duration(days) * day)
	return &forecast{from: from, until: until, hours: make([]int, int(until.Sub(from.Truncate(time.Hour))/time.Hour)), schedules: map[*schedule.Schedule]*schedule.Schedule{}}
}

// ahead is a schedule that is fast for the time of the forecast: a million credentials share a few.
func (f *forecast) ahead(s *schedule.Schedule) *schedule.Schedule {
	fast, ok := f.schedules[s]
	if !ok {
		fast = s.Ahead(f.from, f.until)
		f.schedules[s] = fast
	}
	return fast
}

// add counts a credential that is due at a time, and then again and again as next says. However often it was missed, it
// is rotated once. Starts is when it may be rotated at the earliest that is due at a time; it is no earlier.
func (f *forecast) add(at time.Time, next, starts func(time.Time) time.Time) {
	f.scheduled++
	after := func(at, start time.Time) time.Time {
		if start.After(at) {
			at = due.Collapse(at, start, next)
		}
		return next(at)
	}
	if !at.After(f.from) && !starts(f.from).After(f.from) {
		f.overdue++
		at = after(at, f.from)
	}
	for begin := f.from.Truncate(time.Hour); at.Before(f.until); {
		start := starts(later(at, f.from))
		if !start.Before(f.until) {
			return
		}
		f.hours[start.Sub(begin)/time.Hour]++
		at = after(at, start)
	}
}

// visits is how often a recurring job falls due, at the points at which a scheduler enqueues it.
func (f *forecast) visits(when *schedule.Schedule, id string) int {
	n := 0
	for at := when.First(f.from, id); at.Before(f.until); at = when.First(at.Add(time.Millisecond), id) {
		n++
	}
	return n
}

// PlanDay is one day of an account. All counts are of rotations.
type PlanDay struct {
	Day     string `json:"day"` // 2006-01-02, in UTC
	Due     int    `json:"due"`
	CanGo   int    `json:"can_go"`
	Backlog int    `json:"backlog"` // at its end
}

// Outlook is what becomes of an account. All counts are of rotations.
type Outlook struct {
	Overdue      int        `json:"overdue"`
	Due          int        `json:"due"` // within the horizon, without what is overdue
	DuePerDay    float64    `json:"due_per_day"`
	CanGoPerDay  float64    `json:"can_go_per_day"`
	RateSuffices bool       `json:"rate_suffices"`
	Busiest      *PlanDay   `json:"busiest_day,omitempty"`
	Largest      int        `json:"largest_backlog"`
	LargestAt    *time.Time `json:"largest_backlog_at,omitempty"`
	BacklogEnds  *time.Time `json:"backlog_ends,omitempty"` // of what is overdue now; absent where nothing is, or it never ends
	Days         []PlanDay  `json:"days"`
}

// outlook plays the forecast through at so many rotations an hour.
func (f *forecast) outlook(perHour float64) Outlook {
	o := Outlook{Overdue: f.overdue, CanGoPerDay: 24 * perHour, Days: []PlanDay{}}
	backlog, canGo, dueToday := float64(f.overdue), 0.0, 0
	for h, n := range f.hours {
		begin := f.from.Truncate(time.Hour).Add(time.Duration(h) * time.Hour)
		end := begin.Add(time.Hour)
		if h == 0 {
			begin = f.from
		}
		served, late := perHour*end.Sub(begin).Hours(), backlog
		// A credential that falls due again before its turn has come is rotated once.
		backlog = max(0, min(late+float64(n), float64(f.scheduled))-served)
		canGo, dueToday = canGo+served, dueToday+n
		left := int(math.Ceil(backlog))
		if left > o.Largest {
			o.Largest, o.LargestAt = left, &end
		}
		if left == 0 && f.overdue > 0 && o.BacklogEnds == nil {
			ends := begin.Add(lasts(late, served-float64(n), end.Sub(begin))).Add(time.Minute - 1).Truncate(time.Minute)
			o.BacklogEnds = &ends
		}
		if end.Equal(end.Truncate(day)) {
			o.Days = append(o.Days, PlanDay{Day: begin.Format(time.DateOnly), Due: dueToday, CanGo: int(canGo + rounding), Backlog: left})
			o.Due += dueToday
			canGo, dueToday = 0, 0
		}
	}
	f.judge(&o, backlog)
	return o
}

// lasts is how long a backlog lasts that shrinks evenly by spare in span, which is enough to end it.
func lasts(backlog, spare float64, span time.Duration) time.Duration {
	if spare <= backlog {
		return span
	}
	return time.Duration(backlog / spare * float64(span))
}

// rounding keeps a sum of 24 hours from losing one to the last digit of a float.
const rounding = 1e-6

// judge says whether the rate suffices in the long run, of which the horizon is all that is known.
func (f *forecast) judge(o *Outlook, backlog float64) {
	o.DuePerDay = float64(o.Due) / (f.until.Sub(f.from).Hours() / day.Hours())
	if today, rest := o.Days[0].Due, len(o.Days)-1; rest > 0 {
		o.DuePerDay = float64(o.Due-today) / float64(rest) // what is left of today is no measure
	}
	// A backlog also ends where credentials fall due again before their turn: no rotation is left out at a rate that suffices.
	o.RateSuffices = o.DuePerDay < o.CanGoPerDay || backlog == 0 && o.DuePerDay <= o.CanGoPerDay+rounding
	if !o.RateSuffices {
		o.BacklogEnds = nil
	}
	if f.overdue > 0 && o.BacklogEnds == nil && o.DuePerDay < o.CanGoPerDay {
		ends := f.until.Add(time.Duration(backlog / (o.CanGoPerDay - o.DuePerDay) * float64(day))).Truncate(time.Hour)
		o.BacklogEnds = &ends
	}
	if o.Due > 0 {
		busiest := slices.MaxFunc(o.Days, func(a, b PlanDay) int { return a.Due - b.Due })
		o.Busiest = &busiest
	}
}
