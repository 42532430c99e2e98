package queue

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// No one is woken for what asynq tries again by itself.
func TestAMessageOfTheEngineIsNoError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	engineLog{slog.New(slog.NewTextHandler(&out, nil))}.Error("Failed to forward scheduled tasks")
	if !strings.Contains(out.String(), "level=WARN") {
		t.Errorf("logged: %s", out.String())
	}
}
