package operate

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// MaxDays bounds the horizon of a plan: beyond a year a forecast only repeats itself.
const MaxDays = 366

// PlanRequest is what is to be planned.
type PlanRequest struct {
	Accounts []string        `json:"accounts,omitempty"` // nil: all
	Marks    *rotation.Marks `json:"-"`                  // of the credentials that are counted; nil: all. What they leave of the rate is then no measure
	Days     int             `json:"days"`               // 1 to MaxDays; today, in UTC, is the first
	// WhatIf is for one account alone; nil: as the configuration has it.
	WhatIf *WhatIf `json:"-"`
}

// Plan is what lies ahead of an account.
type Plan struct {
	Account     string `json:"account"`
	Credentials int    `json:"credentials"`
	IndexBuilt  bool   `json:"index_built"` // false: no scheduler has run yet
	Missing     int    `json:"missing"`     // neither in the index nor waiting for a person: the figures leave them out
	Waiting     int    `json:"waiting"`     // were never rotated and wait for a person
	Quarantined int    `json:"quarantined"`
	Retiring    int    `json:"retiring,omitempty"`  // have an identity that waits to be retired
	OnDemand    int    `json:"on_demand,omitempty"` // are never due: their schedule is manual
	Missed      int    `json:"missed_window"`       // were not served in their window and wait for the next one
	Frozen      int    `json:"frozen,omitempty"`    // are covered by a change freeze that is in force
	// Late is how many fall due in a change freeze, so that their passwords grow older than their schedules say, and Latest
	// are those that do so the longest, MaxLate at most.
	Late   int    `json:"late,omitempty"`
	Latest []Late `json:"latest,omitempty"`
	// Slowest is the mail server that lets fewer rotations go than the account's rate; "" where there is none.
	Slowest string `json:"limited_by,omitempty"`
	Outlook
}

// MaxLate is how many credentials a plan names that a freeze makes late.
const MaxLate = 20

// Late is a credential that falls due in a change freeze.
type Late struct {
	Credential string    `json:"credential"`
	Due        time.Time `json:"due"`
	Starts     time.Time `json:"starts"` // when it may be rotated at the earliest
}

// Plan tells for each account that has credentials, in the order of the names, how much falls due on each day and how much
// its rate lets go. Progress hears how many credentials are read, of how many; nil for no one. It changes nothing.
func (d *Desk) Plan(ctx context.Context, r PlanRequest, progress func(read, total int)) ([]Plan, error) {
	if r.Days < 1 || r.Days > MaxDays {
		return nil, invalid("%d days: want 1 to %d", r.Days, MaxDays)
	}
	if r.WhatIf != nil && len(r.Accounts) != 1 {
		return nil, invalid("another rate or period is for one account: name it")
	}
	creds, err := d.Select(Query{Accounts: r.Accounts, Marks: r.Marks})
	if err != nil {
		return nil, err
	}
	now, err := d.Queue.Now(ctx)
	if err != nil {
		return nil, err
	}
	frozen, err := d.calendar(ctx)
	if err != nil {
		return nil, err
	}
	read, total, planners, unfit := 0, 0, map[string]*planner{}, error(nil)
	for range creds {
		total++
	}
	err = d.eachStanding(ctx, creds, func(cred *rotation.Credential, s due.Standing) {
		if read++; progress != nil {
			progress(read, total)
		}
		p := planners[cred.Account]
		if p == nil {
			p = newPlanner(cred.Account, now, r.Days)
			p.whatIf = r.WhatIf
			planners[cred.Account] = p
		}
		supposed, s, err := p.suppose(cred, s)
		if err != nil {
			unfit = err
		}
		p.add(supposed, s, frozen.of(d, cred))
	})
	if err = errors.Join(unfit, err); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(planners))
	counts, err := d.Index.Counts(ctx, names...)
	if err != nil {
		return nil, err
	}
	plans, mail := make([]Plan, len(names)), mailLoads(d.Fleet)
	for i, name := range names {
		p := planners[name]
		p.plan.IndexBuilt = counts[i].Built
		if plans[i], err = p.finish(d, mail); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// planner makes the plan of one account.
type planner struct {
	plan      Plan
	calls     int             // of one rotation of each
	readBacks int             // credentials whose drift check is a call too
	servers   map[string]bool // mail servers at which its credentials are verified
	forecast  *forecast
	whatIf    *WhatIf
	supposed  map[*schedule.Schedule]*schedule.Schedule // with the period that is supposed
}

func newPlanner(account string, from time.Time, days int) *planner {
	return &planner{plan: Plan{Account: account}, forecast: newForecast(from, days), servers: map[string]bool{}, supposed: map[*schedule.Schedule]*schedule.Schedule{}}
}

// count adds what a rotation of a credential takes, without when it is due.
func (p *planner) count(cred *rotation.Credential) {
	p.plan.Credentials++
	p.calls += cred.Calls()
	if cred.Verify.Mode == rotation.VerifySMTP {
		p.servers[cred.Verify.SMTP.Address] = true
	}
	if cred.Verify.Mode == rotation.VerifyProvider {
		p.readBacks++
	}
}

func (p *planner) add(cred *rotation.Credential, s due.Standing, frozen freeze.Set) {
	p.count(cred)
	if frozen.At(p.forecast.from) != nil {
		p.plan.Frozen++
	}
	if !s.Retires.IsZero() {
		p.plan.Retiring++
	}
	at := s.Due
	if !s.Claimed.IsZero() {
		at = s.Claimed // its due time is only when it would be claimed again
	}
	switch {
	case s.Quarantined:
		p.plan.Quarantined++
	case at.Equal(schedule.Never):
		p.plan.OnDemand++
	case !at.IsZero():
		served := cred.Schedule.Serve(at, p.forecast.from, cred.ID)
		if served.After(at) {
			p.plan.Missed++
		}
		ahead := p.forecast.ahead(cred.Schedule)
		starts := func(at time.Time) time.Time { return startOf(cred, at, frozen) }
		p.late(cred.ID, served, starts(later(served, p.forecast.from)))
		p.forecast.add(served, func(last time.Time) time.Time { return ahead.Next(last, cred.ID) }, starts)
	case cred.First == rotation.FirstManual:
		p.plan.Waiting++
	default:
		p.plan.Missing++
	}
}

// startOf is when a credential that is due at a time may be rotated at the earliest: in its window, and in no freeze.
func startOf(cred *rotation.Credential, at time.Time, frozen freeze.Set) time.Time {
	if len(frozen) == 0 {
		return at
	}
	for start := at; ; {
		thaw := frozen.Thaw(start)
		if start = cred.Schedule.Serve(at, thaw, cred.ID); !start.After(thaw) {
			return thaw
		}
	}
}

// late notes a credential that a freeze makes late.
func (p *planner) late(id string, at, starts time.Time) {
	if !starts.After(later(at, p.forecast.from)) || !at.Before(p.forecast.until) {
		return
	}
	p.plan.Late++
	p.plan.Latest = append(p.plan.Latest, Late{Credential: id, Due: at, Starts: starts})
	slices.SortStableFunc(p.plan.Latest, func(a, b Late) int { return cmp.Compare(b.Starts.Sub(b.Due), a.Starts.Sub(a.Due)) })
	p.plan.Latest = p.plan.Latest[:min(len(p.plan.Latest), MaxLate)]
}

// finish holds what falls due against what can go.
func (p *planner) finish(d *Desk, mail map[string]mailLoad) (Plan, error) {
	perHour, err := p.perHour(d, mail)
	if err != nil {
		return Plan{}, err
	}
	p.plan.Outlook = p.forecast.outlook(perHour)
	return p.plan, nil
}

// perHour is how many rotations an hour the account's rate and the budgets of its mail servers leave room for.
func (p *planner) perHour(d *Desk, mail map[string]mailLoad) (float64, error) {
	plan := &p.plan
	apart, err := spacingAt(plan.Account, p.whatIf.rates(d.Accounts[plan.Account]))
	if err != nil {
		return 0, err
	}
	f := p.forecast
	checks, driftCheck := 0, d.Timing.DriftCheck
	for at := driftCheck.Next(f.from, plan.Account); p.readBacks+len(p.servers) > 0 && at.Before(f.until); at = driftCheck.Next(at, plan.Account) {
		checks++
	}
	others := checks * p.readBacks // calls that are no rotation's
	for _, v := range d.Verifications {
		if v.Account == plan.Account {
			others += f.visits(v.Schedule, v.Name) * len(v.Addresses)
		}
	}
	calls := time.Hour.Seconds()/apart.Seconds() - float64(others)/f.until.Sub(f.from).Hours()
	perHour := max(0, calls) * float64(plan.Credentials) / float64(p.calls)
	for _, address := range slices.Sorted(maps.Keys(p.servers)) {
		// The other accounts with credentials there take their share.
		load := mail[address]
		if can := load.perHour(checks, f.until.Sub(f.from)) * float64(plan.Credentials) / float64(load.credentials); can < perHour {
			perHour, plan.Slowest = can, address
		}
	}
	return perHour, nil
}
