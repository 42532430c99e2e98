package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"keyturn/internal/observe"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func TestEveryLineAboutARunNamesItsRotation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, slot(r, 0))
	log := &buffer{}
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		return rotation.Result{Status: rotation.Failed, RotationID: "r-1", Err: errors.New("no answer")}
	}), func(s *queue.Server) { s.Log = observe.NewLogger(log, slog.LevelDebug) })
	eventually(t, "the job's end was logged", func() bool { return strings.Contains(log.String(), "a job comes back") })
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		must(t, json.Unmarshal([]byte(text), &line))
		if line["credential"] != nil && line["rotation_id"] != "r-1" {
			t.Errorf("it does not name its rotation: %s", text)
		}
	}
}
