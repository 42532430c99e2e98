package operate

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/freeze"
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
		p.add(cred, due.Standing{Due: noon.Add(-10 * time.Hour)}, nil) // 02:00
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

func TestWhatFallsDueInAFreezeIsPlannedBehindItAndIsLate(t *testing.T) {
	t.Parallel()
	weekly, err := schedule.Parse(schedule.Spec{Every: "7d", Splay: "0s"})
	if err != nil {
		t.Fatal(err)
	}
	nightly, err := schedule.Parse(schedule.Spec{Every: "7d", Window: "01:00-03:00", Splay: "0s"})
	if err != nil {
		t.Fatal(err)
	}
	p := newPlanner("a", noon, 20)
	year := freeze.Set{{From: noon.Add(-time.Hour), Until: noon.AddDate(0, 0, 10)}} // the 11th day, at noon
	for _, c := range []struct {
		id   string
		when *schedule.Schedule
		due  time.Time
		set  freeze.Set
	}{
		{"overdue", weekly, noon.AddDate(0, 0, -1), year},   // starts with the thaw, and again on day 13: its slot was that of day 6
		{"meanwhile", weekly, noon.AddDate(0, 0, 2), year},  // starts with the thaw, for the slot of day 9, and again on day 16
		{"after", weekly, noon.AddDate(0, 0, 11), year},     // and on day 18
		{"at night", nightly, noon.AddDate(0, 0, 1), year},  // waits for the night after the thaw; and on day 16
		{"not frozen", weekly, noon.AddDate(0, 0, -1), nil}, // now, and on days 6 and 13
		{"later", weekly, noon.AddDate(0, 0, 3), freeze.Set{{From: noon.AddDate(0, 0, 3), Until: noon.AddDate(0, 0, 4)}}},
	} {
		p.add(&rotation.Credential{ID: c.id, Account: "a", Schedule: c.when, Verify: &rotation.Verification{}}, due.Standing{Due: c.due}, c.set)
	}
	o := p.forecast.outlook(1000)
	if p.plan.Frozen != 4 || p.plan.Late != 4 || o.Overdue != 1 {
		t.Errorf("%d frozen, %d late, %d overdue; want 4, 4 and 1", p.plan.Frozen, p.plan.Late, o.Overdue)
	}
	var late []string
	for _, l := range p.plan.Latest {
		late = append(late, fmt.Sprintf("%s by %s", l.Credential, l.Starts.Sub(l.Due)))
	}
	if want := []string{"overdue by 264h0m0s", "at night by 229h0m0s", "meanwhile by 192h0m0s", "later by 24h0m0s"}; !slices.Equal(late, want) {
		t.Errorf("%q, want %q", late, want)
	}
	got := map[int]int{}
	for i, d := range o.Days {
		if d.Due > 0 {
			got[i] = d.Due
		}
	}
	if want := map[int]int{4: 1, 6: 1, 10: 3, 11: 2, 13: 2, 16: 2, 17: 1, 18: 1}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAPlanCountsWhatRotatesOnDemandAloneAndForeseesNothingOfIt(t *testing.T) {
	t.Parallel()
	p := newPlanner("a", noon, 366)
	p.add(&rotation.Credential{ID: "a", Account: "a", Schedule: schedule.Manual, Verify: &rotation.Verification{}}, due.Standing{Due: schedule.Never}, nil)
	if o := p.forecast.outlook(1000); p.plan.OnDemand != 1 || o.Due != 0 {
		t.Errorf("%+v, %+v", p.plan, o)
	}
}

func TestAPlanCountsThoseWithAnIdentityThatWaits(t *testing.T) {
	t.Parallel()
	p := newPlanner("a", noon, 2)
	for i, at := range []time.Time{{}, noon, noon.Add(time.Hour)} {
		cred := &rotation.Credential{ID: fmt.Sprint(i), Account: "a", Verify: &rotation.Verification{}}
		p.add(cred, due.Standing{Quarantined: true, Retires: at}, nil)
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
			p.add(cred, due.Standing{Due: when.Next(noon, cred.ID)}, nil)
		}
	}
}
