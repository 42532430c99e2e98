package config

import (
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/duration"
	"keyturn/internal/fielderr"
	"keyturn/internal/schedule"
)

var scheduleFields = fields[schedule.Spec]{
	{"every", func(_ *loader, s *schedule.Spec, v *document.Value) { s.Every = v.Text() }},
	{"cron", func(_ *loader, s *schedule.Spec, v *document.Value) { s.Cron = v.Text() }},
	{"zone", func(_ *loader, s *schedule.Spec, v *document.Value) { s.Zone = v.Text() }},
	{"window", func(_ *loader, s *schedule.Spec, v *document.Value) { s.Window = v.Text() }},
	{"days", func(_ *loader, s *schedule.Spec, v *document.Value) { s.Days = v.Texts() }},
	{"splay", func(_ *loader, s *schedule.Spec, v *document.Value) { s.Splay = v.Text() }},
}

// userSchedule is a schedule as the user wrote it.
type userSchedule struct {
	parsed   *schedule.Schedule // nil after an error
	every    time.Duration      // 0 with cron
	tooShort bool               // reported
}

// manual is the schedule that every configuration has.
const manual = "manual"

func (l *loader) namedSchedule(v *document.Value) {
	if !checkName(v) {
		return
	}
	if v.Kind() == document.Text {
		v.Fail("such as {every: 30d}", "must be a map")
		return
	}
	if v.Name() == manual {
		v.Fail("", "%s is built in, for what rotates on demand alone: choose another name", manual)
		return
	}
	l.schedules[v.Name()] = l.spell(v)
}

// schedule returns the schedule that v names or spells out. shortest is the least time between two of what it is for.
func (l *loader) schedule(v *document.Value, shortest time.Duration) *userSchedule {
	s := l.lookUp(v)
	if s.every > 0 && s.every < shortest && !s.tooShort {
		s.tooShort = true
		v.Fail("", "every %v is shorter than timing.min_interval, %v", s.every, shortest)
	}
	return s
}

func (l *loader) lookUp(v *document.Value) *userSchedule {
	if v.Kind() != document.Text {
		return l.spell(v)
	}
	name := v.Text()
	if name == manual {
		return &userSchedule{parsed: schedule.Manual}
	}
	s, ok := l.schedules[name]
	if ok {
		return s
	}
	if name != "" {
		v.Fail(document.Nearest(name, append(keysOf(l.schedules), manual)), "unknown schedule %q", name)
	}
	return &userSchedule{}
}

// spell reads a schedule that is spelled out. Equal ones are one, because a million credentials may each bring theirs.
func (l *loader) spell(v *document.Value) *userSchedule {
	var spec schedule.Spec
	scheduleFields.decode(l, v, &spec)
	key := strings.Join([]string{spec.Every, spec.Cron, spec.Zone, spec.Window, strings.Join(spec.Days, ","), spec.Splay}, "\x00")
	if s, ok := l.spelled[key]; ok && s.parsed != nil {
		return s
	}
	parsed, err := schedule.Parse(spec)
	for _, e := range fielderr.All(err) {
		v.FailIn(e.Field, "", "%s", e.Problem)
	}
	s := &userSchedule{parsed: parsed}
	s.every, _ = duration.Parse(spec.Every) // what is wrong with it has been said
	l.spelled[key] = s
	return s
}
