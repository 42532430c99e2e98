package tracing

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

type exporter struct{ err error }

func (e *exporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return e.err }

func (*exporter) Shutdown(context.Context) error { return nil }

func TestACollectorThatIsAwayIsSaidNowAndThen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	collector := &exporter{err: errors.New("connection refused")}
	r := &report{SpanExporter: collector, log: slog.New(slog.NewTextHandler(&out, nil)), now: func() time.Time { return now }}
	export := func() {
		if err := r.ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, 3)); err != nil {
			t.Error("OpenTelemetry would print it:", err)
		}
	}
	for range 100 {
		export()
	}
	if n := strings.Count(out.String(), "traces are not exported"); n != 1 {
		t.Errorf("said %d times in a moment", n)
	}
	now = now.Add(sayEvery)
	export()
	if text := out.String(); strings.Count(text, "traces are not exported") != 2 || !strings.Contains(text, "spans_lost=303") {
		t.Error(text)
	}
	collector.err = nil
	export()
	export()
	if n := strings.Count(out.String(), "traces are exported again"); n != 1 || r.failed() != nil {
		t.Errorf("said %d times that it is back, %v", n, r.failed())
	}
}
