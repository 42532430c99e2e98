package operate

import (
	"maps"
	"slices"
	"time"

	"keyturn/internal/schedule"
)

// Pace holds what the schedules of an account ask for in the long run against what its rate lets go.
type Pace struct {
	Account     string  `json:"account"`
	Credentials int     `json:"credentials"`
	DuePerDay   float64 `json:"due_per_day"`
	CanGoPerDay float64 `json:"can_go_per_day"`
	// Slowest is the mail server that lets fewer rotations go than the account's rate; "" where there is none.
	Slowest string `json:"limited_by,omitempty"`
}

// Round is how many days the rotation of every credential takes; 0 where nothing can go.
func (p Pace) Round() float64 {
	if p.CanGoPerDay == 0 {
		return 0
	}
	return float64(p.Credentials) / p.CanGoPerDay
}

// Paces tells that of each account that has credentials, in the order of the names, from the configuration alone: it asks
// no server. What Plan says besides, it takes from the index.
func (d *Desk) Paces(now time.Time) ([]Pace, error) {
	creds, err := d.Select(Query{})
	if err != nil {
		return nil, err
	}
	planners, due, often := map[string]*planner{}, map[string]float64{}, map[*schedule.Schedule]float64{}
	for cred := range creds {
		p := planners[cred.Account]
		if p == nil {
			p = newPlanner(cred.Account, now, paceDays)
			planners[cred.Account] = p
		}
		p.count(cred)
		if _, ok := often[cred.Schedule]; !ok {
			often[cred.Schedule] = perDay(cred.Schedule, now)
		}
		due[cred.Account] += often[cred.Schedule]
	}
	mail, paces := mailLoads(d.Fleet), []Pace(nil)
	for _, name := range slices.Sorted(maps.Keys(planners)) {
		p := planners[name]
		perHour, err := p.perHour(d, mail)
		if err != nil {
			return nil, err
		}
		paces = append(paces, Pace{
			Account: name, Credentials: p.plan.Credentials, DuePerDay: due[name], CanGoPerDay: 24 * perHour, Slowest: p.plan.Slowest,
		})
	}
	return paces, nil
}

const (
	// paceDays is over how many days the work beside rotations is averaged.
	paceDays = 30
	// paceMost bounds how many times of one schedule are averaged.
	paceMost = 1000
)

// perDay is how often a schedule comes round, on average.
func perDay(s *schedule.Schedule, now time.Time) float64 {
	if s.IsManual() {
		return 0
	}
	at, n := now, 0
	for until := now.Add(MaxDays * day); at.Before(until) && n < paceMost; n++ {
		at = s.Next(at, "")
	}
	return float64(n) / (at.Sub(now).Hours() / day.Hours())
}
