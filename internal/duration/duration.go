// Package duration reads durations as users write them: Go's own spelling, with days and weeks.
package duration

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
	// longest bounds each part and the sum; three parts and a date still do not overflow.
	maxYears = 90
	longest  = maxYears * 365 * day
)

// Parse reads what time.ParseDuration reads, with whole weeks and days of 24 hours before it: "30d", "1w",
// "1d12h". It refuses negative durations and those over 90 years.
func Parse(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration such as 30d, 1w or 12h", text)
	tooLong := fmt.Errorf("%s is longer than %d years", text, maxYears)
	total, rest := time.Duration(0), text
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"w", week}, {"d", day}} {
		number, after, found := strings.Cut(rest, unit.name)
		if !found {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || number[0] < '0' { // Atoi takes signs
			return 0, bad
		}
		if n > int(longest/unit.size) {
			return 0, tooLong
		}
		total += time.Duration(n) * unit.size
		rest = after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, bad
		}
		if d < 0 || rest[0] == '-' || rest[0] == '+' {
			return 0, fmt.Errorf("%q has a sign", text)
		}
		if d > longest {
			return 0, tooLong
		}
		total += d
	} else if text == "" {
		return 0, bad
	}
	if total > longest {
		return 0, tooLong
	}
	return total, nil
}
