package schedule

import (
	"strings"
	"time"

	"keyturn/internal/fielderr"
)

// window is a span of wall time that recurs on some days of the week.
type window struct {
	days   [7]bool       // by time.Weekday of the start
	start  time.Duration // since midnight, by the clock on the wall
	length time.Duration // up to a day; by the clock on the wall
	zone   *time.Location
}

// span is one occurrence of a window: [start, end).
type span struct{ start, end time.Time }

// following returns the first occurrence that ends after t. There is always one: the window is not empty, it starts
// on some day of every week, and no zone changes its clocks every week.
func (w *window) following(t time.Time) span {
	wall := wallOf(t, w.zone)
	midnight := wall.Truncate(day).Add(-day) // an occurrence of yesterday may still run
	for ; ; midnight = midnight.Add(day) {
		if !w.days[midnight.Weekday()] {
			continue
		}
		if o := w.on(midnight); o.end.After(t) && o.end.After(o.start) {
			return o
		}
	}
}

// on returns the occurrence that starts on the day of midnight; it is empty where the clocks skip the window. Where
// they run through a part of it twice, it is cut so that every instant in it shows a wall time within the window.
func (w *window) on(midnight time.Time) span {
	firstStart, lastStart := instants(midnight.Add(w.start), w.zone)
	firstEnd, _ := instants(midnight.Add(w.start+w.length), w.zone)
	if lastStart.Before(firstEnd) {
		return span{lastStart, firstEnd}
	}
	return span{firstStart, firstEnd}
}

// gap is the least number of days from the start of one occurrence to that of the next.
func (w *window) gap() int {
	least, last := len(w.days), -len(w.days)
	for d := range 2 * len(w.days) { // twice, so that the end of the week is passed
		if w.days[d%len(w.days)] {
			least, last = min(least, d-last), d
		}
	}
	return least
}

var weekdays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseWindow returns nil if the texts restrict nothing.
func parseWindow(hours string, days []string, zone *time.Location, p *fielderr.List) *window {
	if hours == "" && len(days) == 0 {
		return nil
	}
	w := &window{length: day, zone: zone}
	if hours != "" {
		from, to, ok := strings.Cut(hours, "-")
		start, okFrom := parseClock(strings.TrimSpace(from))
		end, okTo := parseClock(strings.TrimSpace(to))
		switch {
		case !ok || !okFrom || !okTo || start == day:
			p.Add("window", "%q is not a time span such as 22:00-04:00", hours)
		case start == end:
			p.Add("window", "%q is empty; 00:00-24:00 is a whole day", hours)
		case end > start:
			w.start, w.length = start, end-start
		default:
			w.start, w.length = start, end+day-start
		}
	}
	if len(days) == 0 {
		w.days = [7]bool{true, true, true, true, true, true, true}
	}
	for _, name := range days {
		if !w.addDays(name) {
			p.Add("days", "%q is neither a day such as sat nor a range such as mon-fri", name)
		}
	}
	return w
}

// addDays adds a day or a range of days, which may run over the end of the week.
func (w *window) addDays(name string) bool {
	from, to, isRange := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "-")
	if !isRange {
		to = from
	}
	first, last := weekday(from), weekday(to)
	if first < 0 || last < 0 {
		return false
	}
	for d := first; ; d = (d + 1) % 7 {
		w.days[d] = true
		if d == last {
			return true
		}
	}
}

// weekday returns the number of a day from its name or the first three letters of it, -1 if it is not a day.
func weekday(name string) int {
	for d, short := range weekdays {
		if name == short || name == strings.ToLower(time.Weekday(d).String()) {
			return d
		}
	}
	return -1
}

// parseClock reads "22:00"; "24:00" is the end of the day.
func parseClock(text string) (time.Duration, bool) {
	if text == "24:00" {
		return day, true
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}
