package tracing_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keyturn/internal/tracing"
	"keyturn/internal/tracing/tracingtest"
)

const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// hostile are texts that stand where a traceparent is looked for.
var hostile = map[string]string{
	"10 kB": valid + strings.Repeat("-00", 10<<10/3), "10 kB of one": strings.Repeat("0", 10<<10),
	"a future version": "01" + valid[2:], "the forbidden version": "ff" + valid[2:], "one of version 01 with more": "01" + valid[2:] + "-more",
	"one of version 00 with more": valid + "-more", "one character too few": valid[:54], "one too many": valid + "0",
	"no hex in the trace": valid[:3] + "g" + valid[4:], "no hex in the span": valid[:36] + "g" + valid[37:], "no hex in the flags": valid[:54] + "g",
	"capital letters": strings.ToUpper(valid), "a trace of zeros": "00-" + strings.Repeat("0", 32) + valid[35:],
	"a span of zeros": valid[:36] + strings.Repeat("0", 16) + valid[52:], "other dashes": strings.ReplaceAll(valid, "-", "_"),
	"a line end": valid[:54] + "\n", "an escape sequence": "\x1b[2J" + valid[4:], "letters that are two bytes": strings.Repeat("ü", 27) + "-",
	"nothing": "",
}

func TestOnlyATraceparentOfVersion00GoesOn(t *testing.T) {
	t.Parallel()
	if got := tracing.ParseParent(valid).String(); got != valid {
		t.Errorf("%q", got)
	}
	for flags, want := range map[string]string{"00": "00", "02": "00", "03": "01", "ff": "01"} {
		if got := tracing.ParseParent(valid[:53] + flags).String(); got != valid[:53]+want {
			t.Errorf("flags %s: %q", flags, got)
		}
	}
	for name, text := range hostile {
		if got := tracing.ParseParent(text).String(); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzParent(f *testing.F) {
	f.Add(valid)
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := tracing.ParseParent(text).String(); got != "" && got[:53] != text[:53] {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func TestATraceGoesOnInTheNextProcess(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	first, second := open(t, collector.Getenv), open(t, collector.Getenv)
	ctx, root := first.Begin(t.Context(), tracing.Parent{}, tracing.Internal, "claim")
	_, run := second.Begin(t.Context(), tracing.ParseParent(tracing.ParentOf(ctx).String()), tracing.Consumer, "rotate")
	run.End(nil)
	root.End(nil)
	flush(t, first)
	flush(t, second)
	claim, rotate := collector.Spans("claim")[0], collector.Spans("rotate")[0]
	if claim.ParentID != "" || rotate.ParentID != claim.SpanID || rotate.TraceID != claim.TraceID {
		t.Errorf("%+v, %+v", claim, rotate)
	}
	if trace, span := tracing.IDs(ctx); trace != claim.TraceID || span != claim.SpanID {
		t.Errorf("a line of the log would name %s and %s", trace, span)
	}
}

func TestWhatOneProcessDoesNotRecordTheNextDoesNotEither(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	rare, all := open(t, env{"OTEL_TRACES_SAMPLER": "always_off"}.at(collector.URL)), open(t, collector.Getenv)
	ctx, root := rare.Begin(t.Context(), tracing.Parent{}, tracing.Internal, "claim")
	parent := tracing.ParentOf(ctx).String()
	if !strings.HasSuffix(parent, "-00") || tracing.On(ctx) {
		t.Fatalf("%q", parent)
	}
	ctx, run := all.Begin(context.WithoutCancel(t.Context()), tracing.ParseParent(parent), tracing.Consumer, "rotate")
	_, child := tracing.Start(ctx, tracing.Client, "vault read secret")
	child.End(nil)
	run.End(nil)
	root.End(nil)
	flush(t, rare)
	flush(t, all)
	if spans := collector.Spans(); len(spans) != 0 {
		t.Errorf("%+v", spans)
	}
}

func TestARequestGoesOnWithAValidTraceAndBeginsOneOtherwise(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	tracer := open(t, collector.Getenv)
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/credentials/{id}/rotate", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	mux.HandleFunc("POST /v1/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("POST /v1/act/{id}", func(http.ResponseWriter, *http.Request) {})
	handler := tracer.Requests(mux)
	ask := func(method, path string, given ...string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		r.Header["Traceparent"] = given
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	ask(http.MethodPost, "/v1/act/ann@example.com?key=canary", valid)
	ask(http.MethodGet, "/v1/credentials/a/rotate", valid)
	if code := ask(http.MethodPost, "/v1/broken", valid, valid); code != http.StatusServiceUnavailable {
		t.Error(code)
	}
	for name, text := range hostile {
		if code := ask(http.MethodPost, "/v1/credentials/a/rotate", text); code != http.StatusAccepted {
			t.Errorf("%s: HTTP %d", name, code)
		}
	}
	flush(t, tracer)
	act, broken := collector.Spans("POST /v1/act/{id}")[0], collector.Spans("POST /v1/broken")[0]
	if act.TraceID != valid[3:35] || act.ParentID != valid[36:52] || act.Attributes["http.route"] != "/v1/act/{id}" || act.Failed {
		t.Errorf("%+v", act)
	}
	if broken.TraceID == valid[3:35] || !broken.Failed {
		t.Errorf("with two headers: %+v", broken)
	}
	begun := collector.Spans("POST")
	if len(begun) != len(hostile) || len(collector.Spans()) != len(hostile)+2 {
		t.Errorf("%d and %d spans", len(begun), len(collector.Spans()))
	}
	for _, s := range begun {
		if s.ParentID != "" || s.TraceID == valid[3:35] {
			t.Errorf("a hostile header has children: %+v", s)
		}
	}
	if received := string(collector.Received()); strings.Contains(received, "ann@") || strings.Contains(received, "canary") {
		t.Error("a URL is exported")
	}
}
