package schedule

import "time"

// A wall time is what a clock on the wall shows in some zone, kept as a UTC time with the same digits, so that
// arithmetic on it knows no daylight saving. Twice a year it differs from instants: a wall time can occur not at all
// or twice.

// wallOf returns the wall time at an instant.
func wallOf(t time.Time, zone *time.Location) time.Time {
	if zone == time.UTC {
		return t.UTC()
	}
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instants returns the first and the last instant at which the clocks of a zone show wall. Where they skip it, both
// are the moment of the skip. Both grow with wall.
func instants(wall time.Time, zone *time.Location) (first, last time.Time) {
	if zone == time.UTC {
		return wall, wall
	}
	// The zone's offsets lie within a day, so these two are the offsets before and after any change near wall.
	before, after := offsetAt(wall.Add(-day), zone), offsetAt(wall.Add(day), zone)
	first, last = wall.Add(-before), wall.Add(-after)
	if before == after {
		return first, last
	}
	// A change lies near. It happens at one instant, before which the old offset holds.
	change := changeBetween(wall.Add(-day), wall.Add(day), zone)
	switch early, late := first.Before(change), !last.Before(change); {
	case early && late:
		return first, last // occurs twice
	case early:
		return first, first
	case late:
		return last, last
	default:
		return change, change // skipped
	}
}

func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, offset := t.In(zone).Zone()
	return time.Duration(offset) * time.Second
}

// changeBetween returns the last change of offset in (from, to]; there is one.
func changeBetween(from, to time.Time, zone *time.Location) time.Time {
	for {
		start, _ := to.In(zone).ZoneBounds()
		// A change of the zone's name alone does not change the offset.
		if start.IsZero() || !start.After(from) || offsetAt(start.Add(-1), zone) != offsetAt(start, zone) {
			return start.UTC()
		}
		to = start.Add(-1)
	}
}
