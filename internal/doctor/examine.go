package doctor

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Check looks at one thing, or at several that one connection tells of.
type Check struct {
	Area    Area
	Subject string
	// Look returns soon after ctx ends. It is called once.
	Look func(ctx context.Context) []Finding
}

const (
	// patience is how long one check may take.
	patience = 10 * time.Second
	// atOnce bounds the checks that are under way: an account each may have an endpoint of its own.
	atOnce = 32
)

// Examine makes all checks, some at a time, and returns what they found: by area, and within one in the order of the
// checks. What has not had its turn when ctx ends is skipped.
func Examine(ctx context.Context, checks []Check) Report {
	found := make([][]Finding, len(checks))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, c := range checks {
		group.Go(func() error {
			found[i] = c.look(ctx)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
	all := slices.Concat(found...)
	slices.SortStableFunc(all, func(a, b Finding) int { return slices.Index(areas, a.Area) - slices.Index(areas, b.Area) })
	return NewReport(all)
}

var areas = []Area{AreaRedis, AreaVault, AreaClock, AreaProvider, AreaMail, AreaRate, AreaSchedulers, AreaQueue}

func (c Check) look(ctx context.Context) []Finding {
	if ctx.Err() != nil {
		return []Finding{c.skip("the time was up before its turn came: give it more with --timeout")}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Look(ctx)
}

func (c Check) skip(why string) Finding { return Skip(c.Area, c.Subject, why) }

// Skip is a finding about what was not looked at.
func Skip(area Area, subject, why string) Finding {
	return Finding{Area: area, Subject: subject, Severity: Skipped, What: why}
}
