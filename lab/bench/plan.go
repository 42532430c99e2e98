package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// forecasts measures rotatectl plan with a million credentials that rotate every night, from its start to its end.
func forecasts(ctx context.Context, l *lab) (err error) {
	r, err := l.rig(ctx, plan{size: 1, accounts: 10}) // for its Redis
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	f, err := l.fleet(plan{size: million, accounts: 10, schedule: `cron: "0 3 * * *"`})
	if err != nil {
		return err
	}
	if err := f.configure(r.server.Addr); err != nil {
		return err
	}
	if err := f.mirror(ctx, r.server.Addr, 48*time.Minute); err != nil {
		return err
	}
	took := make([]float64, runs)
	for i := range took {
		start := time.Now()
		output, status, err := f.Rotatectl(ctx, "", "plan", "--days", "30")
		if err == nil && status != 0 {
			err = fmt.Errorf("rotatectl plan: status %d: %s", status, output)
		}
		if err != nil {
			return err
		}
		took[i] = time.Since(start).Seconds()
	}
	report("plan_1m_daily_s", median(took), "s")
	return nil
}
