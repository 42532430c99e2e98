package operate

import (
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

func TestExposureIsTheBoundBeneathWhichMostLies(t *testing.T) {
	t.Parallel()
	var sum due.Tally
	if exposureOf(sum.Exposed[:]) != nil {
		t.Error("there was none")
	}
	for range 98 {
		sum.Expose(3 * time.Millisecond)
	}
	sum.Expose(4 * time.Second)
	sum.Expose(time.Hour)
	if e := exposureOf(sum.Exposed[:]); e.P50 != 0.01 || e.P99 != 5 {
		t.Errorf("%+v", e)
	}
	sum.Expose(time.Hour)
	if e := exposureOf(sum.Exposed[:]); e.P50 != 0.01 || e.P99 != -1 {
		t.Errorf("%+v", e)
	}
}

func TestTheBusiestHourIsHeldAgainstTheRate(t *testing.T) {
	t.Parallel()
	account := &config.Account{Name: "mail", Rates: []rotation.Rate{{Requests: 1, Per: time.Second}, {Requests: 100, Per: time.Hour}}}
	if u := usedOf(account, []due.Tally{{Calls: 10}, {Calls: 80}, {}}); u.Most < 0.8 || u.Most > 0.82 || len(u.Hourly) != 3 || u.Hourly[1] != 80 {
		t.Errorf("%+v", u)
	}
}
