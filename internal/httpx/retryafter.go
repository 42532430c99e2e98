package httpx

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a provider may ask us to wait; more is a mistake on its side.
const maxRetryAfter = 24 * time.Hour

// A number from here on is an instant, not a wait: seconds since 1970, or a thousand times as many of each smaller unit.
// As a wait it would be longer than thirty years. The last instant is in the year 2286.
const (
	firstInstant = 1e9
	lastInstant  = 1e10
)

const numberLetters = "0123456789.eE+-"

// dateForms are the forms of a date that http.ParseTime does not know.
var dateForms = []string{time.RFC3339, time.RFC1123, time.RFC1123Z}

// retryAfter reads how long the reply asks to wait.
func (r *Reply) retryAfter() time.Duration { return r.Wait("Retry-After") }

// Wait reads a header that says how long to wait. Retry-After is documented as seconds or a date, and seen in practice as a
// fraction and as an instant too, which is what other headers are. An instant is compared with the reply's own date, so
// that a wrong local clock does not matter. Anything else, and an instant in the past, is 0.
func (r *Reply) Wait(header string) time.Duration {
	text := strings.TrimSpace(r.Header.Get(header))
	if number, err := strconv.ParseFloat(text, 64); err == nil && strings.Trim(text, numberLetters) == "" {
		if number >= firstInstant {
			return clamp(number/unitsPerSecond(number) - float64(r.date().UnixMilli())/1000)
		}
		return clamp(number)
	}
	at, err := http.ParseTime(text)
	for _, form := range dateForms {
		if err != nil {
			at, err = time.Parse(form, text)
		}
	}
	if err != nil {
		return 0
	}
	return clamp(at.Sub(r.date()).Seconds())
}

// unitsPerSecond tells seconds since 1970 from milliseconds, microseconds and nanoseconds.
func unitsPerSecond(instant float64) float64 {
	per := 1.0
	for instant/per >= lastInstant && per < 1e9 {
		per *= 1000
	}
	return per
}

// clamp returns seconds as a wait. A number without a meaning is none.
func clamp(seconds float64) time.Duration {
	switch {
	case seconds <= 0 || seconds >= lastInstant:
		return 0
	case seconds >= maxRetryAfter.Seconds(): // it may be more than a Duration holds
		return maxRetryAfter
	}
	return time.Duration(math.Round(seconds*1000)) * time.Millisecond
}

// date is when the provider sent the reply, by its own clock if it says so.
func (r *Reply) date() time.Time {
	if at, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		return at
	}
	return r.received
}
