package schedule

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"keyturn/internal/fielderr"
)

// wallCron is a cron expression over wall times. The parser's own reading of zones skips a match that daylight saving
// skips, which can cost a weekly rotation its week, and repeats one that occurs twice; here a match that is skipped
// falls due at the skip, and one that occurs twice falls due once, the first time.
type wallCron struct {
	spec cron.Schedule // over UTC times that stand for wall times
	zone *time.Location
	gap  time.Duration // shortest time between two matches

	ahead []time.Time // the matches after from that were worked out, without a gap; see Schedule.Ahead
	from  time.Time
}

// next returns the first match after t.
func (c *wallCron) next(t time.Time) time.Time {
	if at, ok := c.lookUp(t); ok {
		return at
	}
	for wall := wallOf(t, c.zone); ; {
		wall = nextMatch(c.spec, wall)
		if at, _ := instants(wall, c.zone); at.After(t) {
			return at
		}
	}
}

// nextMatch looks further than the parser's library does, which gives up after five years: some days of February come
// only every eighth. It returns the zero time if there is no match.
func nextMatch(spec cron.Schedule, wall time.Time) time.Time {
	for range 3 {
		if next := spec.Next(wall); !next.IsZero() {
			return next
		}
		wall = wall.AddDate(5, 0, 0)
	}
	return time.Time{}
}

func parseCron(text string, zone *time.Location, p *fielderr.List) *wallCron {
	switch {
	case strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="):
		p.Add("cron", "put the time zone in zone")
		return nil
	case strings.HasPrefix(text, "@every"):
		p.Add("cron", "put %q in every", text)
		return nil
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	spec, err := parser.Parse(sundays(text))
	if err != nil {
		p.Add("cron", "%q is not a cron expression of five fields: %v", text, err)
		return nil
	}
	if s, ok := spec.(*cron.SpecSchedule); ok {
		s.Location = time.UTC
	}
	gap := shortestGap(spec)
	if gap == 0 {
		p.Add("cron", "%q never matches", text)
		return nil
	}
	return &wallCron{spec: spec, zone: zone, gap: gap}
}

// sundays writes the days of the week as the parser knows them: Sunday is 0 to it, and cannot end a range; cron also
// takes 7, and "fri-sun". What it does not understand it leaves to the parser to refuse.
func sundays(text string) string {
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return text
	}
	days := strings.Split(fields[4], ",")
	for i, part := range days {
		days[i] = sunday(part)
	}
	fields[4] = strings.Join(days, ",")
	return strings.Join(fields, " ")
}

// sunday spells out a part of the days that names or reaches Sunday as the seventh.
func sunday(part string) string {
	span, every, stepped := strings.Cut(part, "/")
	from, to, ranged := strings.Cut(span, "-")
	first, ok := dayNumber(from)
	last, step := first, 1
	if ranged {
		var known bool
		if last, known = dayNumber(to); known && last == 0 && first > 0 {
			last = 7
		}
		ok = ok && known
	}
	if stepped {
		var err error
		step, err = strconv.Atoi(every)
		ok = ok && err == nil && step > 0
	}
	if !ok || last != 7 || first > last {
		return part
	}
	var days []string
	for d := first; d <= last; d += step {
		days = append(days, strconv.Itoa(d%7))
	}
	return strings.Join(days, ",")
}

// dayNumber reads a day of the week as cron has it: 0 to 7, or a name of three letters.
func dayNumber(text string) (n int, ok bool) {
	if n := slices.Index(weekdays[:], strings.ToLower(text)); n >= 0 {
		return n, true
	}
	if len(text) != 1 || text < "0" || text > "7" {
		return 0, false
	}
	return int(text[0] - '0'), true
}

// shortestGap returns the shortest time between two matches in a row, judged by a hundred of them; 0 if there is no
// match at all. Where the counting begins is no match: the time from there to the first says nothing.
func shortestGap(spec cron.Schedule) time.Duration {
	wall := nextMatch(spec, time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)) // any leap year will do
	if wall.IsZero() {
		return 0
	}
	shortest := time.Duration(math.MaxInt64)
	for range 100 {
		next := nextMatch(spec, wall)
		shortest, wall = min(shortest, next.Sub(wall)), next
	}
	return shortest
}
