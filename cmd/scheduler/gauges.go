package main

import (
	"context"

	"keyturn/internal/due"
	"keyturn/internal/observe"
)

// gauges are what only a scheduler knows.
func gauges(m *observe.Metrics, s *due.Scheduler) {
	m.Gauge("configurations", "Different configurations among the schedulers that run; 0 until they were counted.", nil,
		func(context.Context) ([]observe.Sample, error) {
			return []observe.Sample{{Value: float64(s.Configurations())}}, nil
		})
	m.Gauge("unread_credentials", "Credentials whose journal or secret cannot be read, so that they keep the due time that they had.",
		[]string{"account", "store"}, func(context.Context) ([]observe.Sample, error) {
			var all []observe.Sample
			for _, u := range s.Unread() {
				all = append(all, observe.Sample{Labels: []string{u.Account, u.Store}, Value: float64(u.Credentials)})
			}
			return all, nil
		})
	m.Gauge("deleted_secrets", "Secrets that keyturn wrote and that are deleted in Vault, as far as this scheduler has read.",
		[]string{"account"}, func(context.Context) ([]observe.Sample, error) {
			var all []observe.Sample
			for account, n := range s.Deleted() {
				all = append(all, observe.Sample{Labels: []string{account}, Value: float64(n)})
			}
			return all, nil
		})
}
