package schedule

import (
	"math"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// wallCron is a cron expression over wall times. The parser's own reading of zones skips a match that daylight saving
// skips, which can cost a weekly rotation its week, and repeats one that occurs twice; here a match that is skipped
// falls due at the skip, and one that occurs twice falls due once, the first time.
type wallCron struct {
	spec cron.Schedule // over UTC times that stand for wall times
	zone *time.Location
	gap  time.Duration // shortest time between two matches
}

// next returns the first match after t.
func (c *wallCron) next(t time.Time) time.Time {
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

func parseCron(text string, zone *time.Location, p *problems) *wallCron {
	switch {
	case strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="):
		p.add("cron", "the time zone goes into zone")
		return nil
	case strings.HasPrefix(text, "@every"):
		p.add("cron", "%q goes into every", text)
		return nil
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	spec, err := parser.Parse(text)
	if err != nil {
		p.add("cron", "%q is no cron expression of five fields: %v", text, err)
		return nil
	}
	if s, ok := spec.(*cron.SpecSchedule); ok {
		s.Location = time.UTC
	}
	gap := shortestGap(spec)
	if gap == 0 {
		p.add("cron", "%q never matches", text)
		return nil
	}
	return &wallCron{spec: spec, zone: zone, gap: gap}
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
