package tracing

import (
	"context"
	"log/slog"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// report is an exporter that says now and then that spans do not reach the collector: a collector that is away for a day
// is a few lines, and no work waits for it.
type report struct {
	sdktrace.SpanExporter
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	why  error     // of the last export; nil if it succeeded
	said time.Time // when it was logged last
	lost int       // spans since then
}

// sayEvery is how often it is said again.
const sayEvery = 10 * time.Minute

// ExportSpans implements sdktrace.SpanExporter. It returns no error, because OpenTelemetry would print each of them.
func (r *report) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.why
	r.why = err
	if err == nil {
		if was != nil {
			r.log.InfoContext(ctx, "traces are exported again", "spans_lost", r.lost)
		}
		r.lost = 0
		return nil
	}
	r.lost += len(spans)
	if now := r.now(); was == nil || now.Sub(r.said) >= sayEvery {
		r.said = now
		r.log.WarnContext(ctx, "traces are not exported", "error", err, "spans_lost", r.lost)
	}
	return nil
}

// failed is why the last spans were lost; nil if they were not.
func (r *report) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}
