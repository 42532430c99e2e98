package ratelimittest_test

import (
	"testing"
	"time"

	"keyturn/internal/ratelimit"
	"keyturn/internal/ratelimit/ratelimittest"
	"keyturn/internal/rotation"
)

func TestSlotsInMemoryConform(t *testing.T) {
	t.Parallel()
	ratelimittest.ConformSlots(t, func(_ *testing.T, now func() time.Time) (ratelimit.Slots, func()) {
		s := ratelimittest.NewSlots(now)
		return s, s.Flush
	})
}

func TestTheLedgerInMemoryConforms(t *testing.T) {
	t.Parallel()
	ratelimittest.ConformLedger(t, func(_ *testing.T, now func() time.Time, rate rotation.Rate) (ratelimit.Ledger, func()) {
		l := ratelimittest.NewLedger(now, rate)
		return l, l.Flush
	})
}
