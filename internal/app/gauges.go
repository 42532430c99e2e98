package app

import (
	"context"
	"maps"
	"slices"

	"keyturn/internal/observe"
	"keyturn/internal/outbox"
	"keyturn/internal/queue"
	"keyturn/internal/redisx"
)

// Gauges adds to a process's metrics what stands in Redis for all of them: any process shows the same values.
func (p *Process) Gauges(e *Engine) {
	p.queueGauges(e.Client)
	p.Metrics.Gauge("keyturn_credentials", func(ctx context.Context) ([]observe.Sample, error) {
		counts, err := e.Index.Counts(ctx, p.accounts()...)
		var all []observe.Sample
		for _, c := range counts {
			all = append(all,
				observe.Sample{Labels: []string{c.Account, "scheduled"}, Value: float64(c.Scheduled)},
				observe.Sample{Labels: []string{c.Account, "overdue"}, Value: float64(c.Overdue)},
				observe.Sample{Labels: []string{c.Account, "claimed"}, Value: float64(c.Claimed)},
				observe.Sample{Labels: []string{c.Account, "open"}, Value: float64(c.Open)},
				observe.Sample{Labels: []string{c.Account, "quarantined"}, Value: float64(c.Quarantined)},
				observe.Sample{Labels: []string{c.Account, "retiring"}, Value: float64(c.Retiring)},
				observe.Sample{Labels: []string{c.Account, "not_retired"}, Value: float64(c.NotRetired)})
		}
		return all, err
	})
	for metric, index := range map[string]string{
		"keyturn_overdue_seconds": redisx.Due, "keyturn_resume_late_seconds": redisx.Open, "keyturn_retirement_late_seconds": redisx.Retiring,
	} {
		p.Metrics.Gauge(metric, func(ctx context.Context) ([]observe.Sample, error) {
			accounts := p.accounts()
			late, err := e.Index.Late(ctx, index, accounts...)
			var all []observe.Sample
			for i, d := range late {
				all = append(all, observe.Sample{Labels: []string{accounts[i]}, Value: d.Seconds()})
			}
			return all, err
		})
	}
	p.deliveryGauges()
	p.Metrics.Gauge("keyturn_clock_ahead_seconds", func(context.Context) ([]observe.Sample, error) {
		return []observe.Sample{{Value: e.Clock.Offset().Seconds()}}, nil
	})
	p.Metrics.Gauge("keyturn_breaker_open", func(ctx context.Context) ([]observe.Sample, error) {
		accounts := p.accounts()
		states, err := e.Breaker.States(ctx, accounts)
		all := make([]observe.Sample, len(states))
		for i, state := range states {
			all[i].Labels = []string{accounts[i]}
			if state.Open {
				all[i].Value = 1
			}
		}
		return all, err
	})
}

// accounts are those in force.
func (p *Process) accounts() []string { return slices.Sorted(maps.Keys(p.Config().Accounts)) }

// deliveryGauges adds how what is to be told elsewhere stands.
func (p *Process) deliveryGauges() {
	box := outbox.New(p.Redis)
	for metric, of := range map[string]func(outbox.Count) int{
		"keyturn_deliveries_waiting":  func(c outbox.Count) int { return c.Waiting },
		"keyturn_deliveries_given_up": func(c outbox.Count) int { return c.Dead },
	} {
		p.Metrics.Gauge(metric, func(ctx context.Context) ([]observe.Sample, error) {
			sinks := Sinks(p.Config())
			counts, err := box.Counts(ctx, sinks...)
			all := make([]observe.Sample, len(counts))
			for i, c := range counts {
				all[i] = observe.Sample{Labels: []string{sinks[i]}, Value: float64(of(c))}
			}
			return all, err
		})
	}
}

func (p *Process) queueGauges(client *queue.Client) {
	p.Metrics.Gauge("keyturn_queue_jobs", func(ctx context.Context) ([]observe.Sample, error) {
		depths, err := client.Depths(ctx, p.accounts()...)
		var all []observe.Sample
		for _, d := range depths {
			name := "scheduled"
			if d.Urgent {
				name = "now"
			}
			all = append(all,
				observe.Sample{Labels: []string{d.Account, name, "pending"}, Value: float64(d.Pending)},
				observe.Sample{Labels: []string{d.Account, name, "active"}, Value: float64(d.Active)},
				observe.Sample{Labels: []string{d.Account, name, "scheduled"}, Value: float64(d.Scheduled)},
				observe.Sample{Labels: []string{d.Account, name, "retry"}, Value: float64(d.Retry)})
		}
		return all, err
	})
	p.Metrics.Gauge("keyturn_queue_paused", func(ctx context.Context) ([]observe.Sample, error) {
		depths, err := client.Depths(ctx, p.accounts()...)
		all := make([]observe.Sample, 0, len(depths))
		for _, d := range depths {
			sample := observe.Sample{Labels: []string{d.Account, "scheduled"}}
			if d.Urgent {
				sample.Labels[1] = "now"
			}
			if d.Paused {
				sample.Value = 1
			}
			all = append(all, sample)
		}
		return all, err
	})
}
