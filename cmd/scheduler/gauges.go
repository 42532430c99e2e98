package main

import (
	"context"

	"keyturn/internal/due"
	"keyturn/internal/observe"
)

// gauges are what only a scheduler knows.
func gauges(m *observe.Metrics, s *due.Scheduler) {
	m.Gauge("keyturn_configurations", func(context.Context) ([]observe.Sample, error) {
		return []observe.Sample{{Value: float64(s.Configurations())}}, nil
	})
	m.Gauge("keyturn_unread_credentials", func(context.Context) ([]observe.Sample, error) {
		var all []observe.Sample
		for _, u := range s.Unread() {
			all = append(all, observe.Sample{Labels: []string{u.Account, u.Store}, Value: float64(u.Credentials)})
		}
		return all, nil
	})
	m.Gauge("keyturn_deleted_secrets", func(context.Context) ([]observe.Sample, error) {
		var all []observe.Sample
		for account, n := range s.Deleted() {
			all = append(all, observe.Sample{Labels: []string{account}, Value: float64(n)})
		}
		return all, nil
	})
}
