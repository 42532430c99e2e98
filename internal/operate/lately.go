package operate

import (
	"slices"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
)

// Lately is what workers counted in the last 24 hours. A worker that died kept the last seconds to itself.
type Lately struct {
	Rotated     int `json:"rotated"`
	Quarantined int `json:"quarantined"`
	Calls       int `json:"calls"`
	Limited     int `json:"too_many_requests"` // of the calls: refused for their rate
	// Exposure is for how long programs could be refused: from the provider's acceptance of a password to its promotion. Missing:
	// there was none.
	Exposure *Exposure `json:"exposure,omitempty"`
	// Refused is when a check of what programs read was refused last, within two days; missing: none was.
	Refused *time.Time `json:"login_refused_at,omitempty"`
}

// Exposure is for how long programs could be refused, at most: the figures are rounded up.
type Exposure struct {
	P50 float64 `json:"p50_seconds"`
	P99 float64 `json:"p99_seconds"` // -1: more than 5 minutes
}

// Used is what an account used of its rate.
type Used struct {
	// Hourly are the calls of each hour, the oldest first; the last hour has only begun.
	Hourly []int `json:"calls_hourly"`
	// Most is the share of the rate that the busiest of these hours used.
	Most float64 `json:"rate_used"`
}

const latelyHours = 24

// lately adds tallies up.
func lately(sum due.Tally, refused time.Time) Lately {
	l := Lately{Rotated: sum.Rotated, Quarantined: sum.Quarantined, Calls: sum.Calls, Limited: sum.Limited, Exposure: exposureOf(sum.Exposed[:])}
	if !refused.IsZero() {
		l.Refused = &refused
	}
	return l
}

// exposureOf are the bounds beneath which half and nearly all of what was counted lies.
func exposureOf(counts []int) *Exposure {
	total := 0
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return nil
	}
	beneath := func(percent int) float64 {
		seen := 0
		for i, n := range counts[:len(counts)-1] {
			if seen += n; seen*100 >= total*percent {
				return due.ExposureBounds[i].Seconds()
			}
		}
		return -1
	}
	return &Exposure{P50: beneath(50), P99: beneath(99)}
}

// usedOf is what an account used of its rate.
func usedOf(a *config.Account, hours []due.Tally) Used {
	u := Used{Hourly: make([]int, len(hours))}
	for i, h := range hours {
		u.Hourly[i] = h.Calls
	}
	if apart, err := spacing(a); err == nil && len(hours) > 0 { // else the configuration would not have been loaded
		u.Most = float64(slices.Max(u.Hourly)) * apart.Hours()
	}
	return u
}
