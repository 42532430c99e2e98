package tracing

import (
	"context"
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"
)

// Parent is where a trace goes on in another process. The zero value is none: a new trace begins.
type Parent struct{ of trace.SpanContext }

// traceparent is the length of version 00 of the W3C's header: version, trace, span and flags.
const traceparent = len("00-") + 32 + len("-") + 16 + len("-") + 2

// ParseParent reads a W3C traceparent. It comes from Redis, a request or an environment, where any text may stand: what is
// not exactly one of version 00 is none, and no error, because work must not depend on it.
func ParseParent(text string) Parent {
	if len(text) != traceparent || text[:3] != "00-" || text[35] != '-' || text[52] != '-' {
		return Parent{}
	}
	var id trace.TraceID
	var span trace.SpanID
	var flags [1]byte
	if !lowerHex(id[:], text[3:35]) || !lowerHex(span[:], text[36:52]) || !lowerHex(flags[:], text[53:]) {
		return Parent{}
	}
	of := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(flags[0]) & trace.FlagsSampled, Remote: true,
	})
	if !of.IsValid() { // an id of zeros
		return Parent{}
	}
	return Parent{of}
}

// lowerHex is hex.Decode for what the W3C allows: small letters alone.
func lowerHex(to []byte, text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, err := hex.Decode(to, []byte(text))
	return err == nil
}

// ParentOf is where the trace that a context is in goes on.
func ParentOf(ctx context.Context) Parent { return Parent{trace.SpanContextFromContext(ctx)} }

// String is a traceparent; "" for none. It says whether the trace is recorded, so that no process decides that again.
func (p Parent) String() string {
	if !p.of.IsValid() {
		return ""
	}
	flags := "-00"
	if p.of.IsSampled() {
		flags = "-01"
	}
	return "00-" + p.of.TraceID().String() + "-" + p.of.SpanID().String() + flags
}

// IDs are the ids of the trace and of the span that a context is in, for a line of the log; "" where it is in none.
func IDs(ctx context.Context) (traceID, spanID string) {
	of := trace.SpanContextFromContext(ctx)
	if !of.IsValid() {
		return "", ""
	}
	return of.TraceID().String(), of.SpanID().String()
}
