package schedule

import (
	"strings"
	"testing"
	"time"
)

// matches are the days of the week on which a cron expression's fifth field matches, Sunday first.
func matches(t *testing.T, days string) string {
	t.Helper()
	s := parse(t, Spec{Cron: "0 12 * * " + days, Splay: "0s"})
	at := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC) // a Sunday
	end := at.AddDate(0, 0, 7)
	var found []string
	for at = s.Next(at, "id"); at.Before(end); at = s.Next(at, "id") {
		found = append(found, strings.ToLower(at.Weekday().String()[:3]))
	}
	return strings.Join(found, " ")
}

func TestSundayIsZeroAndSevenAndMayEndARange(t *testing.T) {
	t.Parallel()
	for days, want := range map[string]string{
		"0": "sun", "7": "sun", "SUN": "sun", "sun": "sun", "7/1": "sun",
		"5-7": "sun fri sat", "fri-sun": "sun fri sat", "Fri-7": "sun fri sat", "sat-0": "sun sat", "6-7,1": "sun mon sat",
		"1-7": "sun mon tue wed thu fri sat", "0-7": "sun mon tue wed thu fri sat", "mon-sun": "sun mon tue wed thu fri sat",
		"1-7/2": "sun mon wed fri", "1-7/3": "sun mon thu", "2-7/2": "tue thu sat", "7-7": "sun", "0-0": "sun", "sun-sun": "sun", "0-7/7": "sun",
		"1-5": "mon tue wed thu fri", "0-6": "sun mon tue wed thu fri sat", "sun-tue": "sun mon tue", "*/3": "sun wed sat",
	} {
		if got := matches(t, days); got != want {
			t.Errorf("%s matches %q, want %q", days, got, want)
		}
	}
}

func TestADayOfTheWeekThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, days := range []string{"8", "1-8", "7-1", "sat-fri", "5-7/0", "5-7/x", "7-", "-7", "07x", "sunday", "5-6-7", "5-7/2/2", "--7", "x-7/2", "10-7", "1x-7"} {
		if _, err := Parse(Spec{Cron: "0 12 * * " + days}); fields(t, err) != "cron" {
			t.Errorf("%s: %v, want an error that names cron", days, err)
		}
	}
}

// With both days restricted, either suffices, as in every cron.
func TestDayOfMonthOrDayOfWeekSuffices(t *testing.T) {
	t.Parallel()
	s := parse(t, Spec{Cron: "0 3 13 * 5", Splay: "0s"})
	at := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	for _, want := range []int{6, 13, 20, 27} {
		if at = s.Next(at, "id"); at.Day() != want {
			t.Errorf("matches on %s, want the %dth", at, want)
		}
	}
	s = parse(t, Spec{Cron: "0 3 14 * 5", Splay: "0s"})
	at = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	for _, want := range []int{6, 13, 14, 20} {
		if at = s.Next(at, "id"); at.Day() != want {
			t.Errorf("matches on %s, want the %dth", at, want)
		}
	}
}
