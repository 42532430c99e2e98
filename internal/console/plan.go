package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyturn/internal/operate"
)

// Planned is what lies ahead, by account.
type Planned struct {
	At       time.Time      `json:"at"` // when it was worked out
	Accounts []operate.Plan `json:"accounts"`
}

const (
	// planTime is how long a plan may take: that of a million credentials took 6 seconds (docs/performance.md).
	planTime = 2 * time.Minute
	// planKept is how long a plan is told again at least; one that took long is told for planShare times as long.
	planKept  = 30 * time.Second
	planShare = 20
	// plansAtOnce and plansKept bound what this process works out, and keeps.
	plansAtOnce = 2
	plansKept   = 50
	planDays    = 30
	planMost    = 92 // days
)

// plans keeps plans, and works them out beside the requests that ask for them: that takes a time which grows with the fleet.
type plans struct {
	mu      sync.Mutex
	known   map[string]*plan
	running int
	all     sync.WaitGroup
}

// plan is one that is being worked out or is known.
type plan struct {
	desk        *operate.Desk
	quit        context.CancelFunc
	done        chan struct{}
	until       time.Time // it is told; set before done is closed
	read, total atomic.Int64
	found       Planned
	err         error
}

// unplanned is a plan that is not known yet.
type unplanned struct{ one *plan } // nil: it has not begun

func (e unplanned) Error() string {
	if e.one == nil {
		return "the plan waits for others that are being worked out: ask again in some seconds"
	}
	return fmt.Sprintf("the plan is being worked out, %d of %d credentials are read: ask again in some seconds", e.one.read.Load(), e.one.total.Load())
}

// of is a plan that is known, or that is found while ctx lasts. What is not goes on beside the request, for the next one.
func (p *plans) of(ctx context.Context, desk *operate.Desk, r operate.PlanRequest) (Planned, error) {
	one := p.find(ctx, desk, r)
	if one == nil {
		return Planned{}, unplanned{}
	}
	select {
	case <-one.done:
		return one.found, one.err
	case <-ctx.Done():
		return Planned{}, unplanned{one}
	}
}

// find is a plan that is known, or begins one; nil where others are to be finished first.
func (p *plans) find(ctx context.Context, desk *operate.Desk, r operate.PlanRequest) *plan {
	key, now := fmt.Sprintf("%q %d %+v", r.Accounts, r.Days, r.WhatIf), desk.Clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, one := range p.known {
		if one.over(now) || one.desk != desk {
			one.quit()
			delete(p.known, key)
		}
	}
	if one := p.known[key]; one != nil {
		return one
	}
	if p.running == plansAtOnce || len(p.known) == plansKept {
		return nil
	}
	ctx, quit := context.WithTimeout(context.WithoutCancel(ctx), planTime)
	one := &plan{desk: desk, quit: quit, done: make(chan struct{})}
	if p.known == nil {
		p.known = map[string]*plan{}
	}
	p.known[key] = one
	p.running++
	p.all.Go(func() { p.work(ctx, one, r) })
	return one
}

// over tells whether a plan is to be worked out again.
func (one *plan) over(now time.Time) bool {
	select {
	case <-one.done:
		return !now.Before(one.until)
	default:
		return false
	}
}

func (p *plans) work(ctx context.Context, one *plan, r operate.PlanRequest) {
	defer one.quit()
	began := one.desk.Clock.Now()
	one.found.At = began
	one.found.Accounts, one.err = one.desk.Plan(ctx, r, func(read, total int) {
		one.read.Store(int64(read))
		one.total.Store(int64(total))
	})
	now := one.desk.Clock.Now()
	if one.err == nil { // else it is tried with the next request
		one.until = now.Add(max(planKept, planShare*now.Sub(began)))
	}
	p.mu.Lock()
	p.running--
	p.mu.Unlock()
	close(one.done)
}

// end ends what is being worked out.
func (p *plans) end() {
	p.mu.Lock()
	for _, one := range p.known {
		one.quit()
	}
	p.mu.Unlock()
	p.all.Wait()
}

type planInput struct {
	Accounts []string `query:"account,explode" maxItems:"100" doc:"may be repeated; all if it is not given"`
	Days     int      `query:"days" minimum:"1" maximum:"92" default:"30" doc:"today, in UTC, is the first"`
	Rate     string   `query:"rate" maxLength:"20" doc:"what if the rate of the one account were this, such as 60/m; nothing is saved"`
	Every    string   `query:"every" maxLength:"20" doc:"what if its schedules had this period, such as 14d; nothing is saved"`
}

// plan works out what is asked for, within what is left of half the time of a request.
func (c *Console) plan(ctx context.Context, in *planInput) (Planned, error) {
	r := operate.PlanRequest{Accounts: slices.Compact(slices.Sorted(slices.Values(in.Accounts))), Days: in.Days}
	var err error
	if r.WhatIf, err = operate.ParseWhatIf(in.Rate, in.Every); err != nil {
		return Planned{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime/2)
	defer cancel()
	return c.ahead.of(ctx, c.Desk(), r)
}

func (c *Console) getPlan(ctx context.Context, in *planInput) (*body[Planned], error) {
	p, err := c.plan(ctx, in)
	if _, waits := err.(unplanned); waits { //nolint:errorlint // it is never wrapped
		return nil, huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(err.Error()), http.Header{"Retry-After": {"5"}})
	}
	if err != nil {
		return nil, told(err)
	}
	if p.Accounts == nil {
		p.Accounts = []operate.Plan{}
	}
	return &body[Planned]{p}, nil
}

// foreseen is the page of a plan.
type foreseen struct {
	Planned
	Query    planInput
	Account  string
	Accounts []string
	Short    []string // accounts whose rate does not suffice
	More     int      // accounts that are not shown
	Waits    string   // why there is no plan yet
	Fleet    outlook
	Each     []outlook
}

// outlook is the plan of one account, or of all.
type outlook struct {
	operate.Plan
	Chart chart
}

// shownPlans is how many accounts a page shows.
const shownPlans = 40

func (c *Console) planPage(w http.ResponseWriter, r *http.Request) {
	ask := r.URL.Query()
	in := planInput{Accounts: given(ask["account"]), Days: planDays, Rate: strings.TrimSpace(ask.Get("rate")), Every: strings.TrimSpace(ask.Get("every"))}
	if days, err := strconv.Atoi(ask.Get("days")); err == nil && days > 0 {
		in.Days = min(days, planMost)
	}
	page := foreseen{Query: in, Account: ask.Get("account"), Accounts: accountNames(c.Desk())}
	var err error
	page.Planned, err = c.plan(r.Context(), &in)
	if _, waits := err.(unplanned); waits { //nolint:errorlint // it is never wrapped
		page.Waits, err = err.Error(), nil
		w.Header().Set("Refresh", "3") // also where there are no scripts
	}
	if err != nil {
		c.failed(w, r, err)
		return
	}
	page.show()
	c.render(w, r, http.StatusOK, "plan", "Plan", page)
}

// show works out what the page shows: accounts whose rate does not suffice first, and then those that are the busiest.
func (p *foreseen) show() {
	plans := slices.Clone(p.Planned.Accounts)
	slices.SortStableFunc(plans, func(a, b operate.Plan) int {
		if a.RateSuffices != b.RateSuffices {
			return map[bool]int{false: -1, true: 1}[a.RateSuffices]
		}
		return (b.Due + b.Overdue) - (a.Due + a.Overdue)
	})
	for _, one := range plans {
		if !one.RateSuffices {
			p.Short = append(p.Short, one.Account)
		}
	}
	p.Fleet = outlook{Plan: together(plans)}
	p.Fleet.Chart = daily(p.Fleet.Days)
	p.More = max(0, len(plans)-shownPlans)
	for _, one := range plans[:len(plans)-p.More] {
		p.Each = append(p.Each, outlook{one, daily(one.Days)})
	}
}

// together adds plans up.
func together(plans []operate.Plan) operate.Plan {
	sum := operate.Plan{}
	for _, one := range plans {
		sum.Credentials += one.Credentials
		sum.Overdue += one.Overdue
		sum.Due += one.Due
		sum.Late += one.Late
		for i, d := range one.Days {
			if i == len(sum.Days) {
				sum.Days = append(sum.Days, operate.PlanDay{Day: d.Day})
			}
			sum.Days[i].Due += d.Due
			sum.Days[i].CanGo += d.CanGo
			sum.Days[i].Backlog += d.Backlog
		}
	}
	return sum
}

// planned is the address of a plan.
func planned(in planInput, account string) string {
	q := url.Values{"account": {account}, "days": {strconv.Itoa(in.Days)}}
	return "/plan?" + q.Encode()
}
