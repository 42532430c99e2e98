package explore

import (
	"strings"
	"testing"
)

func TestAScheduleThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"pause at setter.set":                           "does not begin with replay",
		"replay":                                        "does not begin with replay",
		"replay setters":                                `"setters" is not a word of a mode`,
		"replay setter skew=1":                          "missing unit",
		"replay setter\nexplosion at setter.set":        "is not a fault",
		"replay setter\npause":                          "is not a fault",
		"replay setter\npause at setter.set 9":          "was never reached",
		"replay setter\nstill refused at journals.save": "is not possible there",
	} {
		s, err := ParseSchedule(text)
		if err == nil {
			_, _, err = s.Replay()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzAScheduleIsReadAsItIsWritten(f *testing.F) {
	f.Add("replay setter verified strict skew=-1h0m0s renamed\npause at setter.set\ncrash after at rotate (resume) 2")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseSchedule(text)
		if err != nil {
			return
		}
		second, err := ParseSchedule(first.String())
		if err != nil || second.String() != first.String() {
			t.Errorf("%q became %q: %v", first, second, err)
		}
	})
}
