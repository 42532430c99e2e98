package main

import (
	"testing"
	"time"
)

func TestOutagesAtTheSameTimeCountOnce(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	o := outages{all: []*outage{{at(40), time.Time{}}, {at(10), at(20)}, {at(15), at(30)}, {at(12), at(14)}}}
	for _, test := range []struct{ from, to, want int }{
		{0, 50, 30}, {0, 5, 0}, {12, 18, 6}, {18, 45, 17}, {30, 40, 0}, {31, 39, 0}, {41, 42, 1},
	} {
		if got := o.within(at(test.from), at(test.to)); got != time.Duration(test.want)*time.Second {
			t.Errorf("from %d to %d: %v, want %ds", test.from, test.to, got, test.want)
		}
	}
}
