package tracing

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"keyturn/internal/rotation"
)

// Kind is which side of an exchange a span shows.
type Kind = trace.SpanKind

// The kinds.
const (
	Internal = trace.SpanKindInternal // a part of the work
	Server   = trace.SpanKindServer   // a request that is answered
	Client   = trace.SpanKindClient   // a request to another system
	Producer = trace.SpanKindProducer // a job is enqueued
	Consumer = trace.SpanKindConsumer // a job is run
)

// mostSpans is how many spans one request or run adds to its trace: one that follows a rotation for an hour looks at Redis
// thousands of times.
const mostSpans = 1000

// scope is what a process adds to a trace at one go.
type scope struct {
	tracer *Tracer
	left   atomic.Int64 // negative: so many were left out
}

type scopeKey struct{}

// Start begins a span within the one that ctx is in. Where no trace is recorded, it does nothing.
func Start(ctx context.Context, kind Kind, name string) (context.Context, Span) {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	if s == nil || s.left.Add(-1) < 0 {
		return ctx, Span{}
	}
	ctx, span := s.tracer.spans.Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span: span, tracer: s.tracer}
}

// On tells whether a span that is started under ctx may be recorded.
func On(ctx context.Context) bool { return ctx.Value(scopeKey{}) != nil }

// Span is one step of a trace. The zero value is none, and takes whatever it is told. Not safe for concurrent use.
type Span struct {
	span   trace.Span
	tracer *Tracer
	scope  *scope // of the first span of a process
}

// set takes one attribute: of several, the list would be made where tracing is off too.
func (s Span) set(a attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(a)
	}
}

// The attributes for which OpenTelemetry has no name.
const (
	keyCredential = attribute.Key("keyturn.credential")
	keyAccount    = attribute.Key("keyturn.account")
	keyReason     = attribute.Key("keyturn.reason")
	keyAttempt    = attribute.Key("keyturn.attempt")
	keyRotationID = attribute.Key("keyturn.rotation_id")
	keyOutcome    = attribute.Key("keyturn.outcome")
	keyProvider   = attribute.Key("keyturn.provider")
	keyOperation  = attribute.Key("keyturn.operation")
	keyVerdict    = attribute.Key("keyturn.verdict")
	keyStore      = attribute.Key("keyturn.store")
	keyLeftOut    = attribute.Key("keyturn.spans_left_out")
)

// Job says what a job is about. A credential's id is often its address, or the local part of it.
func (s Span) Job(account, credential, reason string) {
	if s.span != nil {
		s.span.SetAttributes(keyAccount.String(account), keyCredential.String(s.tracer.shown(credential)), keyReason.String(reason))
	}
}

// Attempt says how often the job failed before.
func (s Span) Attempt(n int) { s.set(keyAttempt.Int(n)) }

// Rotation says which rotation it is; "" is none.
func (s Span) Rotation(id string) {
	if id != "" {
		s.set(keyRotationID.String(id))
	}
}

// Outcome says how it ended, in the words of the metrics.
func (s Span) Outcome(outcome string) { s.set(keyOutcome.String(outcome)) }

// Provider says which provider is asked for what.
func (s Span) Provider(code, operation string) {
	s.set(keyProvider.String(code))
	s.set(keyOperation.String(operation))
}

// Verdict says what a verifier found out.
func (s Span) Verdict(v rotation.Verdict) {
	if s.span != nil {
		s.set(keyVerdict.String(v.String()))
	}
}

// Peer says which server is asked, by the address that the configuration has.
func (s Span) Peer(address string) {
	if s.span == nil {
		return
	}
	host, port, err := net.SplitHostPort(address)
	n, bad := strconv.Atoi(port)
	if err == nil && bad == nil {
		s.span.SetAttributes(semconv.ServerAddress(host), semconv.ServerPort(n))
	}
}

// Store says which store of Vault is asked.
func (s Span) Store(name string) { s.set(keyStore.String(name)) }

// system is what OpenTelemetry is told of our queue, for which it has no name.
const system = "asynq"

// Sends says into which queue a job is put.
func (s Span) Sends(queue string) { s.moves(queue, semconv.MessagingOperationTypeSend) }

// Takes says from which queue a job comes.
func (s Span) Takes(queue string) { s.moves(queue, semconv.MessagingOperationTypeProcess) }

func (s Span) moves(queue string, operation attribute.KeyValue) {
	s.set(semconv.MessagingSystemKey.String(system))
	s.set(semconv.MessagingDestinationName(queue))
	s.set(operation)
}

// fail marks the span as failed, by the kind of an error. What the error says is left out: it may quote anything.
func (s Span) fail(kind string) {
	s.set(semconv.ErrorTypeKey.String(kind))
	s.span.SetStatus(codes.Error, "")
}

// End ends the span. To wait is no failure.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	var later *rotation.WaitError
	switch {
	case errors.As(err, &later):
		s.Outcome(rotation.Waiting.String())
	case err != nil:
		s.fail(kindOf(err))
	}
	if s.scope != nil {
		if left := s.scope.left.Load(); left < 0 {
			s.set(keyLeftOut.Int64(-left))
		}
	}
	s.span.End()
}

// kindOf names an error in words of ours.
func kindOf(err error) string {
	var e *rotation.Error
	switch {
	case errors.As(err, &e):
		return e.Kind.String()
	case errors.Is(err, rotation.ErrStale):
		return "stale"
	case errors.Is(err, rotation.ErrNewerSchema):
		return "newer schema"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	default:
		return semconv.ErrorTypeOther.Value.AsString()
	}
}
