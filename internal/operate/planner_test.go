package operate

import (
	"fmt"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

func TestAPlanShowsWhatMissedItsWindowInTheNextOne(t *testing.T) {
	t.Parallel()
	when, err := schedule.Parse(schedule.Spec{Every: "1d", Window: "01:07-03:07"})
	if err != nil {
		t.Fatal(err)
	}
	p := newPlanner("a", noon, 2)
	for i := range 50 {
		cred := &rotation.Credential{ID: fmt.Sprintf("c%d", i), Account: "a", Schedule: when, Verify: &rotation.Verification{}}
		p.add(cred, due.Standing{Due: noon.Add(-10 * time.Hour)}) // 02:00
	}
	if p.plan.Retiring != 0 {
		t.Errorf("%d have an identity that waits", p.plan.Retiring)
	}
	if o := p.forecast.outlook(1000); o.Overdue != 0 || o.Days[0].Due != 0 || o.Days[1].Due != 50 {
		t.Errorf("%+v", o)
	}
	if p.plan.Missed != 50 {
		t.Errorf("%d missed their window", p.plan.Missed)
	}
}

func TestAPlanCountsWhatRotatesOnDemandAloneAndForeseesNothingOfIt(t *testing.T) {
	t.Parallel()
	p := newPlanner("a", noon, 366)
	p.add(&rotation.Credential{ID: "a", Account: "a", Schedule: schedule.Manual, Verify: &rotation.Verification{}}, due.Standing{Due: schedule.Never})
	if o := p.forecast.outlook(1000); p.plan.OnDemand != 1 || o.Due != 0 {
		t.Errorf("%+v, %+v", p.plan, o)
	}
}

func TestAPlanCountsThoseWithAnIdentityThatWaits(t *testing.T) {
	t.Parallel()
	p := newPlanner("a", noon, 2)
	for i, at := range []time.Time{{}, noon, noon.Add(time.Hour)} {
		cred := &rotation.Credential{ID: fmt.Sprint(i), Account: "a", Verify: &rotation.Verification{}}
		p.add(cred, due.Standing{Quarantined: true, Retires: at})
	}
	if p.plan.Retiring != 2 {
		t.Errorf("%d have one, want 2", p.plan.Retiring)
	}
}

func TestContactVerificationsCountAgainstTheRate(t *testing.T) {
	t.Parallel()
	hourly, err := schedule.Parse(schedule.Spec{Cron: "@hourly", Splay: "0s"})
	if err != nil {
		t.Fatal(err)
	}
	d := &Desk{
		Accounts: map[string]*config.Account{"enough": {Name: "enough", Rates: []rotation.Rate{{Requests: 100, Per: time.Hour}}}},
		Timing:   config.Timing{DriftCheck: hourly},
		Verifications: []config.Verification{
			{Name: "owners", Account: "enough", Addresses: []string{"a@example.com", "b@example.com", "c@example.com"}, Schedule: hourly},
			{Name: "others", Account: "plain", Addresses: []string{"a@example.com"}, Schedule: hourly},
		},
	}
	p := newPlanner("enough", noon.Truncate(day), 10)
	p.plan.Credentials, p.calls = 1, 1
	plan, err := p.finish(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	// 100 calls an hour, less one for each of three addresses.
	if got := plan.CanGoPerDay; got < 24*97-1 || got > 24*97+1 {
		t.Errorf("%v rotations a day can go, want %d", got, 24*97)
	}
}

// The time of a million credentials with a daily cron, without reading the configuration and the index: run with
// -bench PlanOfAMillion -benchtime 1x.
func BenchmarkPlanOfAMillion(b *testing.B) {
	when, err := schedule.Parse(schedule.Spec{Cron: "0 3 * * *", Zone: "Europe/Berlin"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p := newPlanner("a", noon, 30)
		for i := range 1_000_000 {
			cred := &rotation.Credential{ID: fmt.Sprintf("credential-%d", i), Account: "a", Schedule: when, Verify: &rotation.Verification{}}
			p.add(cred, due.Standing{Due: when.Next(noon, cred.ID)})
		}
	}
}
