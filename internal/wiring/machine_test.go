package wiring

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"keyturn/internal/observe"
	"keyturn/internal/queue"
)

func TestABreakerThatClosesIsNoError(t *testing.T) {
	t.Parallel()
	for open, level := range map[bool]string{true: "ERROR", false: "INFO"} {
		var out bytes.Buffer
		notify := breakerChanged(observe.NewMetrics(), observe.NewLogger(&out, slog.LevelInfo))
		notify(t.Context(), queue.Transition{Account: "ses", Open: open, Cause: "refused"})
		if line := out.String(); !strings.Contains(line, `"level":"`+level+`","msg":"the account's breaker changed","account":"ses"`) {
			t.Errorf("open: %v: %s", open, line)
		}
	}
}
