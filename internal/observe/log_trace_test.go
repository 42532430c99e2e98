package observe_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"keyturn/internal/observe"
	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
	"keyturn/internal/tracing/tracingtest"
)

func TestALineInATraceCarriesItsIDs(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	tracer, err := tracing.Open(t.Context(), "worker", collector.Getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tracer.Begin(rotation.WithID(t.Context(), "r-1"), tracing.Parent{}, tracing.Consumer, "rotate")
	var out bytes.Buffer
	log := observe.NewLogger(&out, slog.LevelInfo)
	log.InfoContext(ctx, "rotated")
	log.InfoContext(t.Context(), "started")
	span.End(nil)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	in, of, _ := strings.Cut(out.String(), "\n")
	var line map[string]any
	if err := json.Unmarshal([]byte(in), &line); err != nil {
		t.Fatal(err)
	}
	s := collector.Spans("rotate")[0]
	if line["trace_id"] != s.TraceID || line["span_id"] != s.SpanID || line["rotation_id"] != "r-1" {
		t.Errorf("%s, want %+v", in, s)
	}
	if strings.Contains(of, "trace_id") || strings.Contains(of, "span_id") {
		t.Error("a line of no trace:", of)
	}
}
