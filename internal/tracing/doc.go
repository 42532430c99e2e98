// Package tracing is keyturn's side of OpenTelemetry: it reads the OTEL_* variables, hands spans to a collector over
// OTLP, and carries a trace from one process to the next. It is the only package that knows OpenTelemetry.
//
// Without these variables there is no Tracer, and no span costs more than a look into its context.
//
// What a span may say is what Span has methods for. There is none for a free text, so that no password, key, target,
// path, URL or text of an error can end up in one.
package tracing
