package console

import (
	"fmt"
	"testing"
	"time"

	"keyturn/internal/operate"
)

func TestAPageOfManyAccountsShowsThoseFirstThatAreNotWell(t *testing.T) {
	t.Parallel()
	many := func(n int) operate.Overview {
		var o operate.Overview
		for i := range n {
			o.Accounts = append(o.Accounts, operate.AccountOverview{Account: fmt.Sprintf("a-%04d", i)})
		}
		return o
	}
	at := time.Now()
	o := many(1000)
	o.Accounts[990].Quarantined = 1
	o.Accounts[991].Breaker = &operate.Breaker{}
	o.Accounts[992].Stopped = true
	o.Accounts[993].Paused = &at
	o.Accounts[994].Unbuilt = true
	o.Accounts[995].Lately.Limited = 1
	o.Accounts[996].Lately.Refused = &at
	f := fleetOf(o, false)
	if len(f.Rows) != 50 || f.Rows[0].Account != "a-0990" || f.Rows[6].Account != "a-0996" || f.Rows[7].Account != "a-0000" || f.More != 950 || f.Well != 950 {
		t.Errorf("%d rows, from %s to %s and %s; %d more, %d of them well", len(f.Rows), f.Rows[0].Account, f.Rows[6].Account, f.Rows[7].Account, f.More, f.Well)
	}
	for i := range o.Accounts[:60] {
		o.Accounts[i].Overdue = 1
	}
	for i := range o.Accounts[60:900] {
		o.Accounts[60+i].Rotating, o.Accounts[60+i].Waiting = 1, 1 // as it should be
	}
	if f = fleetOf(o, false); f.More != 950 || f.Well != 933 || f.Rows[2].Account != "a-0992" || f.Rows[3].Account != "a-0000" {
		t.Errorf("%d more, %d of them well; the fourth is %s", f.More, f.Well, f.Rows[3].Account)
	}
	if f = fleetOf(o, true); len(f.Rows) != 1000 || f.More != 0 {
		t.Errorf("all: %d rows, %d more", len(f.Rows), f.More)
	}
	if f = fleetOf(many(50), false); len(f.Rows) != 50 || f.More != 0 {
		t.Errorf("few: %d rows, %d more", len(f.Rows), f.More)
	}
}
