package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the commands embed it too

	"keyturn/internal/fielderr"
)

func parse(tb testing.TB, spec Spec) *Schedule {
	tb.Helper()
	s, err := Parse(spec)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// fields lists the fields that err names, in order.
func fields(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is not a joined error", err)
	}
	var names []string
	for _, e := range joined.Unwrap() {
		var fe *fielderr.Error
		if !errors.As(e, &fe) {
			t.Fatalf("%v is no fielderr.Error", e)
		}
		names = append(names, fe.Field)
	}
	return strings.Join(names, " ")
}

func TestParseNamesEveryBrokenField(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		spec Spec
		want string
	}{
		{"period", Spec{Every: "30d"}, ""},
		{"cron", Spec{Cron: "0 3 * * 1", Zone: "Europe/Berlin", Splay: "20m"}, ""},
		{"descriptor", Spec{Cron: "@weekly"}, ""},
		{"all", Spec{Every: "1w", Zone: "America/New_York", Window: "22:00-04:00", Days: []string{"Sat", "sunday", "fri-mon"}, Splay: "6h"}, ""},
		{"days alone", Spec{Every: "1w", Days: []string{"sat"}, Splay: "24h"}, ""},
		{"neither", Spec{}, "every"},
		{"both", Spec{Every: "1d", Cron: "@daily"}, "cron"},
		{"no duration", Spec{Every: "monthly"}, "every"},
		{"zero", Spec{Every: "0d"}, "every"},
		{"negative", Spec{Every: "-1h"}, "every"},
		{"too short", Spec{Every: "999ms"}, "every"},
		{"six cron fields", Spec{Cron: "0 0 3 * * 1"}, "cron"},
		{"cron that never matches", Spec{Cron: "0 0 30 2 *"}, "cron"},
		{"zone inside cron", Spec{Cron: "TZ=Europe/Berlin"}, "cron"},
		{"every inside cron", Spec{Cron: "@every 1h"}, "cron"},
		{"unknown zone", Spec{Every: "1d", Zone: "Mars/Olympus"}, "zone"},
		{"zone of this machine", Spec{Every: "1d", Zone: "Local"}, "zone"},
		{"zone outside the data", Spec{Every: "1d", Zone: "../../etc/passwd"}, "zone"},
		{"empty window", Spec{Every: "1d", Window: "22:00-22:00"}, "window"},
		{"half a window", Spec{Every: "1d", Window: "22:00"}, "window"},
		{"hour 25", Spec{Every: "1d", Window: "25:00-26:00"}, "window"},
		{"starts at the end", Spec{Every: "1d", Window: "24:00-02:00"}, "window"},
		{"unknown days", Spec{Every: "1d", Days: []string{"caturday", "mon-", ""}}, "days days days"},
		{"window shorter than the splay", Spec{Every: "1d", Window: "22:00-23:00", Splay: "61m"}, "splay"},
		{"a period between a window and the next", Spec{Every: "12h", Window: "22:00-00:00"}, "every"},
		{"a day that only saturdays have", Spec{Every: "6d", Days: []string{"sat"}, Window: "22:00-04:00"}, "every"},
		{"a week's end that is too far off", Spec{Every: "1d", Days: []string{"fri", "mon"}, Window: "22:00-04:00"}, "every"},
		{"splay longer than the period", Spec{Every: "1h", Splay: "2h"}, "splay"},
		{"splay longer than cron's gap", Spec{Cron: "*/5 * * * *", Splay: "6m"}, "splay"},
		{"splay longer than the gap over midnight", Spec{Cron: "0 1,23 * * *", Splay: "3h"}, "splay"},
		{"splay longer than a night, shorter than a day", Spec{Cron: "0 1 * * *", Splay: "2h"}, ""},
		{"splay as long as cron's gap", Spec{Cron: "5 0 * * *", Splay: "24h"}, ""},
		{"splay of a day on the first of the month", Spec{Cron: "@monthly", Splay: "1d"}, ""},
		{"splay of a day on the first of the year", Spec{Cron: "30 0 1 1 *", Splay: "1d"}, ""},
		{"splay no duration", Spec{Every: "1h", Splay: "x"}, "splay"},
		{"many at once", Spec{Every: "x", Zone: "x", Window: "x", Days: []string{"x"}}, "zone every window days"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.spec)
			if got := fields(t, err); got != tt.want {
				t.Errorf("names %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

func TestAPeriodThatAWindowCanKeepIsTaken(t *testing.T) {
	t.Parallel()
	for _, spec := range []Spec{
		{Every: "1d", Window: "22:00-00:00"},
		{Every: "2h", Window: "22:00-00:00"},
		{Every: "1d", Window: "22:00-00:00", Days: []string{"mon-fri"}}, // longer over the weekend, which days asks for
		{Every: "3d", Window: "22:00-00:00", Days: []string{"fri", "mon"}},
		{Every: "1w", Window: "22:00-00:00", Days: []string{"sat"}},
		{Every: "1d", Days: []string{"sat"}},
	} {
		parse(t, spec)
	}
}

func TestDefaultSplayStretchesAPeriodByLittleAndFillsAWindow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		spec Spec
		want time.Duration
	}{
		{Spec{Every: "30d"}, time.Hour},
		{Spec{Every: "10s"}, 500 * time.Millisecond},
		{Spec{Every: "30d", Splay: "0s"}, 0},
		{Spec{Every: "30d", Splay: "3d"}, 3 * day},
		{Spec{Every: "30d", Window: "22:00-04:00"}, 6 * time.Hour},
		{Spec{Every: "1h", Window: "22:00-04:00"}, time.Hour},
		{Spec{Cron: "@hourly"}, 3 * time.Minute},
		{Spec{Cron: "@monthly"}, time.Hour},
		{Spec{Cron: "@monthly", Window: "22:00-22:30"}, 30 * time.Minute},
		{Spec{Cron: "0 0 29 2 *"}, time.Hour},
		{Spec{Cron: "5 0 * * *"}, time.Hour},
		{Spec{Cron: "1 0 * * 1"}, time.Hour},
		{Spec{Cron: "1 0 1 * *"}, time.Hour},
		{Spec{Cron: "1 0 1 1 *"}, time.Hour},
		{Spec{Cron: "50 23,0 * * *"}, 3 * time.Minute},
	} {
		if got := parse(t, tt.spec).splay; got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.spec, got, tt.want)
		}
	}
}

func TestStringSaysWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	for want, spec := range map[string]Spec{
		"every 30d splayed over 1h0m0s": {Every: "30d"},
		"every 1w in the window sat,sun 22:00-04:00 Asia/Tokyo splayed over 2h0m0s": {
			Every: "1w", Zone: "Asia/Tokyo", Window: "22:00-04:00", Days: []string{"sat", "sun"}, Splay: "2h",
		},
		"cron @daily splayed over 0s": {Cron: "@daily", Splay: "0s"},
	} {
		if got := parse(t, spec).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
