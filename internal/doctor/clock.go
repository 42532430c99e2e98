package doctor

import (
	"fmt"
	"time"
)

// Reading is a clock of another machine, read beside ours.
type Reading struct {
	Theirs, Ours time.Time
	// Unsure is how far Theirs may be from what their clock showed at Ours.
	Unsure time.Duration
}

// DateReading is a clock that was read from the Date of an answer, which has whole seconds, cut off.
func DateReading(date, asked time.Time, trip time.Duration) Reading {
	const half = time.Second / 2
	return Reading{Theirs: date.Add(half), Ours: asked.Add(trip / 2), Unsure: half + trip/2}
}

// ahead is how far our clock is ahead of theirs at least; 0 where they may be the same.
func (r Reading) ahead() time.Duration {
	d := r.Ours.Sub(r.Theirs)
	switch {
	case d.Abs() <= r.Unsure:
		return 0
	case d < 0:
		return d + r.Unsure
	}
	return d - r.Unsure
}

const (
	// clockWarns is where a worker's log begins to warn.
	clockWarns = 10 * time.Second
	// clockFails is beyond what clocks that are looked after ever differ.
	clockFails = 30 * time.Second
)

// Clock judges the clock of a Redis, a Vault or a provider.
func Clock(of Area, subject string, r Reading) Finding {
	f := Finding{Area: AreaClock, Subject: string(of) + " " + subject, Severity: OK}
	ahead := r.ahead()
	side := "ahead of"
	if ahead < 0 {
		side = "behind"
	}
	switch {
	case ahead.Abs() < clockWarns:
		f.What = "this machine's clock agrees with it"
		return f
	case ahead.Abs() < clockFails:
		f.Severity = Warning
	default:
		f.Severity = Error
	}
	f.What = fmt.Sprintf("this machine's clock is %v %s it", ahead.Abs().Round(time.Second), side)
	f.Fix = "find out which of the two is wrong (`timedatectl` on both), and have that machine set its clock by NTP"
	f.Commands = []string{"timedatectl set-ntp true"}
	switch of {
	case AreaRedis:
		f.Why = "jobs go by Redis's clock, but this machine's signs requests, reads the ends of tokens and dates logs"
	case AreaVault:
		f.Why = "Vault judges tokens and JWTs by its clock: they end early, or are refused as not valid yet"
	default:
		f.Why = "the provider refuses signed requests whose time is off by minutes"
		f.Fix = "have this machine set its clock by NTP"
	}
	return f
}
