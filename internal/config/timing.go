package config

import (
	"cmp"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

var timingFields = fields[Timing]{
	{"provider_timeout", func(_ *loader, t *Timing, v *document.Value) {
		t.ProviderTimeout = v.DurationIn(minTimeout, maxTimeout)
	}},
	{"task_timeout", func(_ *loader, t *Timing, v *document.Value) {
		t.TaskTimeout = v.DurationIn(minTimeout, rotation.MaxRun)
	}},
	{"resume_after", func(_ *loader, t *Timing, v *document.Value) { t.ResumeAfter = v.Duration() }},
	{"min_interval", func(_ *loader, t *Timing, v *document.Value) { t.MinInterval = v.Duration() }},
	{"recheck_after", func(_ *loader, t *Timing, v *document.Value) { t.RecheckAfter = v.Duration() }},
	{"drift_check", func(l *loader, t *Timing, v *document.Value) { t.DriftCheck = l.schedule(v, 0).parsed }},
}

func (l *loader) timing(v *document.Value) {
	t := &l.cfg.Timing
	timingFields.decode(l, v, t)
	t.ProviderTimeout = cmp.Or(t.ProviderTimeout, 10*time.Second)
	t.TaskTimeout = cmp.Or(t.TaskTimeout, time.Minute)
	t.ResumeAfter = cmp.Or(t.ResumeAfter, 15*time.Second)
	t.MinInterval = cmp.Or(t.MinInterval, 2*time.Minute)
	t.RecheckAfter = cmp.Or(t.RecheckAfter, 2*time.Minute)
	if t.DriftCheck == nil {
		t.DriftCheck, _ = schedule.Parse(schedule.Spec{Every: "1d"}) // valid
	}
}

// checkTiming holds the times against each other: what an abandoned call may still do must be over before anything
// acts on the belief that it is.
func (l *loader) checkTiming(v *document.Value) {
	t := &l.cfg.Timing
	longest, whose := t.ProviderTimeout, "timing.provider_timeout"
	for _, name := range keysOf(l.cfg.Accounts) {
		if a := l.cfg.Accounts[name]; a.Timeout > longest {
			longest, whose = a.Timeout, "accounts."+name+".timeout"
		}
	}
	for _, rule := range []struct {
		field  string
		value  time.Duration
		over   time.Duration
		reason string
	}{
		{"task_timeout", t.TaskTimeout, longest, whose},
		{"resume_after", t.ResumeAfter, longest, whose},
		{"min_interval", t.MinInterval, t.TaskTimeout, "timing.task_timeout"},
		{"recheck_after", t.RecheckAfter, t.TaskTimeout, "timing.task_timeout"},
	} {
		if rule.value <= rule.over {
			v.FailIn(rule.field, "", "%v is not longer than %s, %v", rule.value, rule.reason, rule.over)
		}
	}
}
