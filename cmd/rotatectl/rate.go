package main

import (
	"fmt"
	"strings"
	"time"
)

const day = 24 * time.Hour

// perUnit writes a rate in the shortest unit in which it is at least one.
func perUnit(perSecond float64) string {
	for _, u := range []struct {
		name string
		long time.Duration
	}{{"s", time.Second}, {"min", time.Minute}, {"h", time.Hour}} {
		if n := perSecond * u.long.Seconds(); n >= 1 {
			return digits(n) + "/" + u.name
		}
	}
	return digits(perSecond*day.Seconds()) + "/d"
}

// digits writes a number with three digits, or all of those before its point.
func digits(n float64) string {
	if n >= 100 {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.3g", n)
}

// about writes a span of time as people say it.
func about(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than 1s"
	case d < time.Hour:
		d = d.Round(time.Second)
	case d < 2*day:
		d = d.Round(time.Minute)
	default:
		return "about " + digits(d.Hours()/day.Hours()) + " days"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return "about " + text
}
