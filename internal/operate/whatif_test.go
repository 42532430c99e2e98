package operate

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

func TestAPlanSupposesAnotherPeriodFromTheLastRotationOn(t *testing.T) {
	t.Parallel()
	parse := func(spec schedule.Spec) *schedule.Schedule {
		s, err := schedule.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	monthly, nightly := parse(schedule.Spec{Every: "30d", Splay: "0s"}), parse(schedule.Spec{Every: "30d", Window: "01:00-03:00", Splay: "0s"})
	p := newPlanner("a", noon, 20)
	p.whatIf = &WhatIf{Every: "7d"}
	shown := due.Shown{Known: true, Version: 1, RotatedAt: noon.AddDate(0, 0, -2)}
	for id, test := range map[string]struct {
		when *schedule.Schedule
		s    due.Standing
		want time.Time
	}{
		"earlier":           {monthly, due.Standing{Due: noon.AddDate(0, 0, 28), Shown: shown}, noon.AddDate(0, 0, 5)},
		"in its window":     {nightly, due.Standing{Due: noon.AddDate(0, 0, 28), Shown: shown}, noon.AddDate(0, 0, 6).Add(-11 * time.Hour)},
		"on demand":         {schedule.Manual, due.Standing{Due: schedule.Never, Shown: shown}, schedule.Never},
		"claimed":           {monthly, due.Standing{Due: noon, Claimed: noon, Shown: shown}, noon},
		"never rotated":     {monthly, due.Standing{Due: noon.AddDate(0, 0, 1), Shown: due.Shown{Known: true}}, noon.AddDate(0, 0, 1)},
		"waits for someone": {monthly, due.Standing{Shown: shown}, time.Time{}},
	} {
		cred := &rotation.Credential{ID: id, Account: "a", Schedule: test.when, Verify: &rotation.Verification{}}
		supposed, s, err := p.suppose(cred, test.s)
		if err != nil || !s.Due.Equal(test.want) || cred.Schedule != test.when || supposed.Schedule == monthly {
			t.Errorf("%s: due %s, want %s; %v", id, s.Due, test.want, err)
		}
	}
}

func TestWhatIsSupposedIsReadAsAConfigurationIs(t *testing.T) {
	t.Parallel()
	if w, err := ParseWhatIf("", ""); w != nil || err != nil {
		t.Errorf("%+v, %v", w, err)
	}
	if w, err := ParseWhatIf("300/min", "2w"); err != nil || len(w.Rates) != 1 || w.Rates[0] != (rotation.Rate{Requests: 300, Per: time.Minute}) || w.Every != "2w" {
		t.Errorf("%+v, %v", w, err)
	}
	_, err := ParseWhatIf("fast", "often")
	if KindOf(err) != Invalid || !strings.Contains(err.Error(), `rate: "fast" is not a rate`) || !strings.Contains(err.Error(), "every") {
		t.Errorf("%v", err)
	}
}
