package duetest_test

import (
	"testing"
	"time"

	"keyturn/internal/due/duetest"
)

func TestTheIndexInMemoryConforms(t *testing.T) {
	t.Parallel()
	duetest.Conform(t, func(*testing.T) (duetest.Whole, func()) {
		x := duetest.NewIndex(time.Now)
		return x, x.Flush
	})
}
