package tracing_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
	"keyturn/internal/tracing/tracingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// env are variables on top of those that name a collector.
type env map[string]string

func (e env) get(name string) string { return e[name] }

func (e env) at(url string) func(string) string {
	e["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
	return e.get
}

// open opens a tracer that ends with the test.
func open(t *testing.T, getenv func(string) string) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.Open(t.Context(), "worker", getenv, discard)
	if err != nil || tracer == nil {
		t.Fatal(tracer, err)
	}
	t.Cleanup(func() { _ = tracer.Close(context.Background()) })
	return tracer
}

// flush hands over all that has ended.
func flush(t *testing.T, tracer *tracing.Tracer) {
	t.Helper()
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTracingIsOffUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	for name, e := range map[string]env{
		"nothing": {}, "only a protocol": {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only a sampler": {"OTEL_TRACES_SAMPLER": "always_on"},
		"none":     {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL},
		"disabled": {"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL},
	} {
		tracer, err := tracing.Open(t.Context(), "worker", e.get, discard)
		if err != nil || tracer != nil {
			t.Errorf("%s: %v, %v", name, tracer, err)
		}
	}
	var off *tracing.Tracer
	tracer := func(ctx context.Context) {
		root, span := off.Begin(ctx, tracing.ParseParent(valid), tracing.Consumer, "rotate")
		span.Job("ses", "a@example.com", "scheduled")
		inner, child := tracing.Start(root, tracing.Client, "vault read secret")
		child.Store("default")
		child.End(errors.New("x"))
		span.End(nil)
		if root != ctx || inner != ctx || tracing.On(inner) || tracing.ParentOf(inner).String() != "" {
			t.Error("a trace is under way although tracing is off")
		}
	}
	tracer(t.Context())
	off.Hide(func(string) bool { return true })
	if err := off.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(collector.Headers()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestWhatIsNotUnderstoodIsRefusedByItsName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value, says string
	}{
		{"OTEL_TRACES_EXPORTER", "zipkin", `OTEL_TRACES_EXPORTER is "zipkin": keyturn has otlp, and none`},
		{"OTEL_TRACES_EXPORTER", "otlp,console", `OTEL_TRACES_EXPORTER is "otlp,console"`},
		{"OTEL_TRACES_EXPORTER", "\x1b[2J", `OTEL_TRACES_EXPORTER is "\x1b[2J"`},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc": keyturn speaks http/protobuf alone`},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is "http/json"`},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not an address"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not an address"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector/?key=hidden", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT has a query"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://user:hidden@collector", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT has a user in it"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,hidden", "OTEL_EXPORTER_OTLP_HEADERS: part 2"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=hidden%0d%0ab: c", "OTEL_EXPORTER_OTLP_TRACES_HEADERS: part 1"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a b=hidden", "OTEL_EXPORTER_OTLP_HEADERS: part 1"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", `OTEL_EXPORTER_OTLP_COMPRESSION is "zstd": it is gzip or none`},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", `OTEL_EXPORTER_OTLP_TIMEOUT is "10s"`},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "0", `OTEL_EXPORTER_OTLP_TIMEOUT is "0"`},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "missing.pem", "OTEL_EXPORTER_OTLP_CERTIFICATE: "},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "missing.pem", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, with its CLIENT_KEY: "},
		{"OTEL_TRACES_SAMPLER", "jaeger_remote", `OTEL_TRACES_SAMPLER is "jaeger_remote"`},
		{"KEYTURN_TRACE_LOCAL_PARTS", "yes", `KEYTURN_TRACE_LOCAL_PARTS is "yes": it is true or false`},
	} {
		e := env{c.name: c.value}
		_, err := tracing.Open(t.Context(), "worker", e.at("http://127.0.0.1:1"), discard)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s=%q: %v", c.name, c.value, err)
		}
	}
	for _, arg := range []string{"2", "-1", "NaN", "half"} {
		e := env{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": arg}
		if _, err := tracing.Open(t.Context(), "worker", e.at("http://127.0.0.1:1"), discard); err == nil || !strings.Contains(err.Error(), "OTEL_TRACES_SAMPLER_ARG is ") {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestAValueOfTenKilobytesIsRefusedInOneShortLine(t *testing.T) {
	t.Parallel()
	e := env{"OTEL_TRACES_EXPORTER": strings.Repeat("x", 10<<10)}
	_, err := tracing.Open(t.Context(), "worker", e.get, discard)
	if err == nil || len(err.Error()) > 200 || !strings.HasPrefix(err.Error(), "OTEL_TRACES_EXPORTER is ") {
		t.Error(err)
	}
}

func TestACollectorGetsWhatTheVariablesSay(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	e := env{
		"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b,x-tenant=general",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-tenant=traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.URL + "/v1/traces",
	}
	tracer := open(t, e.at("http://127.0.0.1:1"))
	_, span := tracer.Begin(t.Context(), tracing.Parent{}, tracing.Consumer, "rotate")
	span.End(nil)
	flush(t, tracer)
	spans, headers := collector.Spans(), collector.Headers()
	if len(spans) != 1 || spans[0].Service != "keyturn-worker" || spans[0].Name != "rotate" {
		t.Fatalf("%+v", spans)
	}
	h := headers[0]
	if h.Get("X-Key") != "a b" || h.Get("X-Tenant") != "traces" || h.Get("Content-Encoding") != "gzip" {
		t.Error(h)
	}
}

func TestASpanTellsTheKindOfAnErrorAndNothingThatItSays(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	tracer := open(t, collector.Getenv)
	ctx, root := tracer.Begin(t.Context(), tracing.Parent{}, tracing.Consumer, "rotate")
	const canary = "canary-8d1f"
	for name, err := range map[string]error{
		"refused": &rotation.Error{Kind: rotation.Unauthorized, Provider: canary, Op: canary, Code: canary, RequestID: canary, Err: errors.New(canary)},
		"other":   errors.New(canary), "waits": &rotation.WaitError{Reason: canary},
	} {
		_, span := tracing.Start(ctx, tracing.Client, name)
		span.End(err)
	}
	root.End(nil)
	flush(t, tracer)
	if strings.Contains(string(collector.Received()), canary) {
		t.Error("an error's text is exported")
	}
	refused, other, waits := collector.Spans("refused")[0], collector.Spans("other")[0], collector.Spans("waits")[0]
	if !refused.Failed || refused.Attributes["error.type"] != "unauthorized" || !other.Failed || other.Attributes["error.type"] != "_OTHER" {
		t.Errorf("%+v, %+v", refused, other)
	}
	if waits.Failed || waits.Attributes["keyturn.outcome"] != "waiting" {
		t.Errorf("to wait is no failure: %+v", waits)
	}
}

func TestALocalPartIsShownOnlyWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	for allowed, want := range map[string][]string{"": {"*@example.com", "*", "plain"}, "true": {"ann@example.com", "ann-sends", "plain"}} {
		collector := tracingtest.New(t)
		e := env{"KEYTURN_TRACE_LOCAL_PARTS": allowed}
		tracer := open(t, e.at(collector.URL))
		tracer.Hide(func(id string) bool { return strings.Contains(id, "ann") })
		for _, id := range []string{"ann@example.com", "ann-sends", "plain"} {
			_, span := tracer.Begin(t.Context(), tracing.Parent{}, tracing.Consumer, "rotate")
			span.Job("ses", id, "scheduled")
			span.End(nil)
		}
		flush(t, tracer)
		for i, s := range collector.Spans() {
			if got := s.Attributes["keyturn.credential"]; got != want[i] {
				t.Errorf("allowed %q: %q, want %q", allowed, got, want[i])
			}
		}
	}
}

func TestARunAddsABoundedNumberOfSpans(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	tracer := open(t, collector.Getenv)
	ctx, root := tracer.Begin(t.Context(), tracing.Parent{}, tracing.Internal, "rotatectl rotate")
	for range tracing.MostSpans + 7 {
		_, span := tracing.Start(ctx, tracing.Client, "HGETALL")
		span.End(nil)
	}
	root.End(nil)
	flush(t, tracer)
	if n := len(collector.Spans("HGETALL")); n != tracing.MostSpans {
		t.Errorf("%d spans", n)
	}
	if left := collector.Spans("rotatectl rotate")[0].Attributes["keyturn.spans_left_out"]; !strings.Contains(left, "7") {
		t.Errorf("left out: %q", left)
	}
}

func TestTheEndOfAProcessDoesNotHangOnItsCollector(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server sees its client go
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(ended) })
	tracer := open(t, env{"OTEL_EXPORTER_OTLP_TIMEOUT": "3600000"}.at(silent.URL))
	_, span := tracer.Begin(t.Context(), tracing.Parent{}, tracing.Consumer, "rotate")
	span.End(nil)
	if err := tracer.Close(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "traces are not exported") {
		t.Error(err)
	}
}

func TestTheAddressOfACollectorIsNotRepeatedWhole(t *testing.T) {
	t.Parallel()
	refused := httptest.NewServer(http.NotFoundHandler())
	for name, url := range map[string]string{"answers": refused.URL, "is away": "http://127.0.0.1:1"} {
		tracer := open(t, env{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url + "/hidden"}.get)
		_, span := tracer.Begin(t.Context(), tracing.Parent{}, tracing.Consumer, "rotate")
		span.End(nil)
		if err := tracer.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "the collector at 127.0.0.1:") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused.Close()
}

func BenchmarkASpanWhereTracingIsOff(b *testing.B) {
	var off *tracing.Tracer
	ctx, root := off.Begin(rotation.WithID(b.Context(), "r-1"), tracing.Parent{}, tracing.Consumer, "rotate")
	defer root.End(nil)
	b.ReportAllocs()
	for b.Loop() {
		_, span := tracing.Start(ctx, tracing.Client, "vault read secret")
		span.Store("default")
		span.End(nil)
	}
}
