package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"keyturn/internal/rotation"
	"keyturn/internal/version"
)

// Tracer records what a process does. A nil Tracer records nothing: tracing is off. Safe for concurrent use.
type Tracer struct {
	provider  *sdktrace.TracerProvider
	spans     trace.Tracer
	collector *collector
	report    *report
	whole     bool // the local parts of addresses are shown
	hides     atomic.Pointer[func(id string) bool]
}

// closeWithin is how long the end of a process waits for a collector that does not answer.
const closeWithin = 3 * time.Second

// Open reads the variables of OpenTelemetry. It returns nil where they do not ask for traces. Its errors name the variable.
// Name is the command's; the caller closes the Tracer.
func Open(ctx context.Context, name string, getenv func(string) string, log *slog.Logger) (*Tracer, error) {
	s, err := read(getenv)
	if err != nil || s == nil {
		return nil, err
	}
	b := version.Read()
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("keyturn-"+name), semconv.ServiceVersion(b.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: want KEY=VALUE,KEY=VALUE with percent-encoded values: %w", errUnreadable)
	}
	t := &Tracer{collector: newCollector(s), whole: s.whole}
	exporter, err := otlptrace.New(ctx, t.collector)
	if err != nil {
		return nil, err
	}
	t.report = &report{SpanExporter: exporter, log: log, now: rotation.WallClock{}.Now}
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSampler(s.sampler),
		sdktrace.WithBatcher(t.report))
	t.spans = t.provider.Tracer("keyturn", trace.WithInstrumentationVersion(b.Version), trace.WithSchemaURL(semconv.SchemaURL))
	log.InfoContext(ctx, "traces are exported", "to", s.endpoint.Host)
	return t, nil
}

// errUnreadable stands for an error that may quote a value.
var errUnreadable = errors.New("it cannot be read")

// Begin begins what this process adds to a trace: to the one of parent, else to a new one.
func (t *Tracer) Begin(ctx context.Context, parent Parent, kind Kind, name string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, parent.of)
	ctx, span := t.spans.Start(ctx, name, trace.WithSpanKind(kind))
	if !span.IsRecording() {
		return ctx, Span{} // its ids go on, so that the next process does not record it either
	}
	s := &scope{tracer: t}
	s.left.Store(mostSpans)
	return context.WithValue(ctx, scopeKey{}, s), Span{span: span, scope: s, tracer: t}
}

// Hide has ids of credentials left out of spans that would tell the local part of a target. Without it, those that are
// addresses are.
func (t *Tracer) Hide(hides func(id string) bool) {
	if t != nil {
		t.hides.Store(&hides)
	}
}

// shown is what a span may say of a credential's id.
func (t *Tracer) shown(id string) string {
	at := strings.LastIndexByte(id, '@')
	hides := t.hides.Load()
	switch {
	case t.whole:
		return id
	case at >= 0:
		return "*" + id[at:]
	case hides != nil && (*hides)(id):
		return "*"
	default:
		return id
	}
}

// Close hands over what is left, for three seconds at most. It returns why the last spans did not reach the collector.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	defer t.collector.stop()
	t.collector.hurry()
	err := t.provider.Shutdown(ctx)
	if last := t.report.failed(); last != nil {
		err = last
	}
	if err != nil {
		return fmt.Errorf("traces are not exported: %w", err)
	}
	return nil
}
