package main

import (
	"testing"
	"time"
)

func TestRatesAndTimesReadAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ got, want string }{
		{perUnit(19), "19/s"},
		{perUnit(18.05), "18.1/s"},
		{perUnit(2000), "2000/s"},
		{perUnit(0.5), "30/min"},
		{perUnit(1.0 / 360), "10/h"},
		{perUnit(1.0 / 7200), "12/d"},
		{about(time.Millisecond), "less than 1s"},
		{about(70400 * time.Millisecond), "about 1m10s"},
		{about(12 * time.Minute), "about 12m"},
		{about(90 * time.Minute), "about 1h30m"},
		{about(60 * time.Hour), "about 2.5 days"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}
