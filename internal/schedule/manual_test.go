package schedule

import (
	"testing"
	"time"
)

func TestWhatIsRotatedOnDemandAloneIsNeverDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for what, at := range map[string]time.Time{
		"after a rotation": Manual.Next(now, "a"), "at first sight": Manual.First(now, "a"),
		"served": Manual.Serve(Never, now, "a"), "ahead": Manual.Ahead(now, now.Add(day)).Next(now, "a"),
	} {
		if !at.Equal(Never) {
			t.Errorf("%s it is due at %s", what, at)
		}
	}
	if Manual.Interval() < 100*365*day || Manual.String() != "manual" || !Manual.IsManual() {
		t.Errorf("every %s, %s", Manual.Interval(), Manual)
	}
	if s, err := Parse(Spec{Every: "1d"}); err != nil || s.IsManual() {
		t.Errorf("%v, %v", s, err)
	}
}
