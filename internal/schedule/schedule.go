// Package schedule says when a credential is due. It is pure: no clock, no state, no I/O but the time zone data that
// Parse loads; the same arguments give the same instant in every process and after every restart.
package schedule

import (
	"strings"
	"time"

	"keyturn/internal/duration"
	"keyturn/internal/fielderr"
)

// Spec is a schedule as a configuration spells it. Exactly one of Every and Cron is set.
type Spec struct {
	Every  string   // time from one rotation to the next: "30d", "1w", "12h", "1d12h"
	Cron   string   // five fields, or a descriptor such as "@weekly", in Zone
	Zone   string   // IANA name, "" for UTC; Cron, Window and Days are read in it
	Window string   // "22:00-04:00": rotate only then; may cross midnight. "": any time
	Days   []string // "sat", "mon-fri": rotate only in windows that start on these days. none: any day
	Splay  string   // spread of the credentials over this much time; "" for a default, "0s" for none
}

// Schedule is a parsed Spec. It is immutable and meant to be shared: by many goroutines, and by every credential that
// has the same Spec. What differs from credential to credential is derived from the id.
type Schedule struct {
	spec   Spec
	period time.Duration // 0: cron
	cron   *wallCron     // nil: period
	window *window       // nil: any time
	splay  time.Duration
	manual bool // then nothing else is set
}

const day = 24 * time.Hour

const (
	maxSplay = time.Hour // of the default, outside a window
	// splayShare of the time between two rotations is the default splay, so that the splay, which delays every
	// rotation, stretches the period by little.
	splayShare = 20
)

// Parse reads a Spec. Its errors are *fielderr.Error values joined by errors.Join, one for every fault.
func Parse(spec Spec) (*Schedule, error) {
	var p fielderr.List
	s := &Schedule{spec: spec}
	zone := parseZone(spec.Zone, &p)
	switch {
	case spec.Every == "" && spec.Cron == "":
		p.Add("every", "is missing, and so is cron: a schedule needs one of them")
	case spec.Every != "" && spec.Cron != "":
		p.Add("cron", "is set beside every: a schedule has only one of them")
	case spec.Every != "":
		s.period = parsePeriod(spec.Every, &p)
	default:
		s.cron = parseCron(spec.Cron, zone, &p)
	}
	s.window = parseWindow(spec.Window, spec.Days, zone, &p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	s.checkFit(&p)
	s.splay = parseSplay(spec.Splay, s, &p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// WithPeriod is the schedule with another time from one rotation to the next, within the same windows. Its errors are those of
// Parse.
func (s *Schedule) WithPeriod(every string) (*Schedule, error) {
	spec := s.spec
	spec.Every, spec.Cron = every, ""
	return Parse(spec)
}

// checkFit refuses a period that its window never allows, because it would silently become a longer one.
func (s *Schedule) checkFit(p *fielderr.List) {
	if s.window == nil || s.period == 0 || s.period <= s.window.length {
		return
	}
	if days := s.window.gap(); time.Duration(days)*day > s.period {
		p.Add("every", "%s fits no window: one opens every %[2]dd, for %[3]v; use at least %[2]dd or at most %[3]v", s.spec.Every, days, s.window.length)
	}
}

// Interval is the shortest time between two rotations.
func (s *Schedule) Interval() time.Duration {
	switch {
	case s.manual:
		return forever
	case s.cron != nil:
		return s.cron.gap
	}
	return s.period
}

// String describes the schedule for people.
func (s *Schedule) String() string {
	if s.manual {
		return "manual"
	}
	parts := []string{"every " + s.spec.Every}
	if s.cron != nil {
		parts[0] = "cron " + s.spec.Cron
	}
	if s.window != nil {
		parts = append(parts, "in the window", strings.TrimSpace(strings.Join(s.spec.Days, ",")+" "+s.spec.Window))
	}
	if s.spec.Zone != "" {
		parts = append(parts, s.spec.Zone)
	}
	return strings.Join(append(parts, "splayed over", s.splay.String()), " ")
}

func parseZone(name string, p *fielderr.List) *time.Location {
	if name == "Local" {
		p.Add("zone", "Local differs from machine to machine: name a zone")
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		p.Add("zone", "%q is not an IANA time zone such as Europe/Berlin", name)
		return time.UTC
	}
	return zone
}

func parsePeriod(text string, p *fielderr.List) time.Duration {
	period, err := duration.Parse(text)
	switch {
	case err != nil:
		p.Add("every", "%v", err)
	case period < time.Second:
		p.Add("every", "%s is shorter than a second", text)
	}
	return period
}

func parseSplay(text string, s *Schedule, p *fielderr.List) time.Duration {
	if text == "" {
		if s.window != nil && s.cron == nil {
			return min(s.window.length, s.period)
		}
		splay := min(s.Interval()/splayShare, maxSplay)
		if s.window != nil {
			splay = min(splay, s.window.length)
		}
		return splay
	}
	splay, err := duration.Parse(text)
	switch {
	case err != nil:
		p.Add("splay", "%v", err)
	case s.window != nil && splay > s.window.length:
		p.Add("splay", "the window of %v is shorter than the splay of %s", s.window.length, text)
	case splay > s.Interval():
		p.Add("splay", "%s is longer than the %v between two rotations", text, s.Interval())
	}
	return splay
}
