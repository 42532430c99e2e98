package operate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/freeze"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// desks are a stage whose accounts are a and b; it notes what workers are asked to freeze.
type desks struct {
	*stage
	paused string
	orders []string
}

func (s *desks) Depths(context.Context, ...string) ([]queue.Depth, error) {
	return []queue.Depth{{Account: "a", Urgent: true, Paused: s.paused == "a"}, {Account: "a"}, {Account: "b", Urgent: true}, {Account: "b"}}, nil
}

func (s *desks) DemandFreeze(_ context.Context, account string, f queue.Freezing, by string) (string, time.Time, error) {
	s.orders = append(s.orders, account+": "+freeze.Scope{Account: f.Account, Owner: f.Owner, Labels: f.Labels}.String()+" "+f.Reason+" by "+by)
	return "scope", time.Now(), nil
}

// withOrders calls f with a desk that has no rights in Vault.
func withOrders(t *testing.T, f func(t *testing.T, s *desks, d *operate.Desk)) {
	t.Helper()
	withFreezes(t, []string{"default"}, func(t *testing.T, s *stage, d *operate.Desk, _ *ledger) {
		t.Helper()
		all := &desks{stage: s}
		d.Freezes, d.Truth, d.Queue, d.Orders = nil, nil, all, all
		d.Accounts = map[string]*config.Account{"a": {Name: "a"}, "b": {Name: "b"}}
		f(t, all, d)
	})
}

func TestAWorkerOfAnAccountThatIsServedIsAskedForAFreeze(t *testing.T) {
	t.Parallel()
	withOrders(t, func(t *testing.T, s *desks, d *operate.Desk) {
		t.Helper()
		r := operate.FreezeRequest{Scope: ofShop, Until: time.Now().Add(time.Hour), Reason: "audit", By: "ann@console"}
		o, err := d.OrderFreeze(t.Context(), r, 0)
		if err != nil || o.Outcome != operate.Asked || o.Until == nil || len(s.orders) != 1 || s.orders[0] != "a: owner shop audit by ann@console" {
			t.Fatalf("%+v, %v, %q", o, err, s.orders)
		}
		s.paused = "a"
		if _, err := d.OrderThaw(t.Context(), ofShop, "ann@console", 0); err != nil || s.orders[1] != "b: owner shop  by ann@console" {
			t.Errorf("%v, %q", err, s.orders)
		}
	})
}

func TestAFreezeThatMakesNoSenseIsNotAskedFor(t *testing.T) {
	t.Parallel()
	withOrders(t, func(t *testing.T, s *desks, d *operate.Desk) {
		t.Helper()
		good := operate.FreezeRequest{Scope: ofShop, Until: time.Now().Add(time.Hour), Reason: "audit"}
		for want, edit := range map[string]func(*operate.FreezeRequest){
			"is not after now":        func(r *operate.FreezeRequest) { r.Until = time.Now() },
			"reason: is missing":      func(r *operate.FreezeRequest) { r.Reason = "" },
			"account c: want one of":  func(r *operate.FreezeRequest) { r.Scope = freeze.Scope{Account: "c"} },
			"no credential is filed ": func(r *operate.FreezeRequest) { r.Scope = freeze.Scope{Owner: "web"} },
		} {
			r := good
			edit(&r)
			if _, err := d.OrderFreeze(t.Context(), r, 0); operate.KindOf(err) == operate.Beneath || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q: %v", want, err)
			}
		}
		if _, err := d.OrderThaw(t.Context(), freeze.Scope{Account: "c"}, "ann@console", 0); operate.KindOf(err) != operate.Absent {
			t.Errorf("%v", err)
		}
		if len(s.orders) > 0 {
			t.Errorf("%q", s.orders)
		}
	})
}

func TestTheAnswerOfAWorkerToAnOrderIsWaitedFor(t *testing.T) {
	t.Parallel()
	withOrders(t, func(t *testing.T, s *desks, d *operate.Desk) {
		t.Helper()
		r := operate.FreezeRequest{Scope: ofShop, Until: time.Now().Add(time.Hour), Reason: "audit"}
		answer := func(status, text string) func(*stage) {
			return func(s *stage) {
				s.outcome[queue.KindFreeze] = queue.Outcome{Slot: time.Now(), Status: status, Text: text, Final: true, At: time.Now()}
			}
		}
		s.at(time.Second, answer(rotation.Done.String(), ""))
		if o, err := d.OrderFreeze(t.Context(), r, time.Minute); err != nil || o.Outcome != operate.Froze {
			t.Errorf("%+v, %v", o, err)
		}
		<-time.After(time.Second)
		s.at(3*time.Second, answer(rotation.Done.String(), ""))
		if o, err := d.OrderThaw(t.Context(), ofShop, "ann@console", time.Minute); err != nil || o.Outcome != operate.Unfroze || o.Until != nil {
			t.Errorf("%+v, %v", o, err)
		}
		<-time.After(time.Second)
		s.at(5*time.Second, answer(queue.StatusRefused, queue.ErrNotFrozen.Error()))
		if _, err := d.OrderThaw(t.Context(), ofShop, "ann@console", time.Minute); operate.KindOf(err) != operate.Conflict || err.Error() != "owner shop: no such freeze was asked for" {
			t.Errorf("%v", err)
		}
		<-time.After(time.Second)
		if o, err := d.OrderThaw(t.Context(), ofShop, "ann@console", 10*time.Second); err != nil || o.Outcome != operate.Open {
			t.Errorf("no worker answers: %+v, %v", o, err)
		}
	})
}
