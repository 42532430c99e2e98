package queue_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
	"keyturn/internal/tracing/tracingtest"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// tracer is one whose spans a collector gets when flush is called.
func tracer(t *testing.T, c *tracingtest.Collector) (tr *tracing.Tracer, flush func()) {
	t.Helper()
	tr, err := tracing.Open(t.Context(), "worker", c.Getenv, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { _ = tr.Close(context.Background()) })
	return tr, func() { must(t, tr.Close(t.Context())) }
}

func recording(tr *tracing.Tracer) func(*queue.Server) {
	return func(s *queue.Server) { s.Tracer = tr }
}

// TestATraceStandsBesideThePayload: an older program refuses a payload with a field that it does not know.
func TestATraceStandsBesideThePayload(t *testing.T) {
	t.Parallel()
	r, collector := newRig(t), tracingtest.New(t)
	tr, flush := tracer(t, collector)
	slot := time.Now().UTC().Truncate(time.Millisecond)
	ctx, span := tr.Begin(t.Context(), tracing.Parent{}, tracing.Internal, "claim")
	must(t, r.client.Enqueue(ctx, account, "a", slot, rotation.ReasonScheduled, false))
	must(t, r.client.Enqueue(t.Context(), account, "b", slot, rotation.ReasonScheduled, false))
	span.End(nil)
	flush()
	inspector := asynq.NewInspectorFromRedisClient(r.rdb)
	with, err := inspector.GetTaskInfo(account, "a")
	must(t, err)
	without, err := inspector.GetTaskInfo(account, "b")
	must(t, err)
	if got := strings.Replace(string(with.Payload), `"a"`, `"b"`, 1); got != string(without.Payload) {
		t.Errorf("%s, and in a trace %s", without.Payload, with.Payload)
	}
	sent := collector.Spans("enqueue")[0]
	if want := "00-" + sent.TraceID + "-" + sent.SpanID + "-01"; len(with.Headers) != 1 || with.Headers["traceparent"] != want || len(without.Headers) != 0 {
		t.Errorf("headers %v, want %s, and in no trace %v", with.Headers, want, without.Headers)
	}
	if sent.Attributes["messaging.destination.name"] != account || sent.ParentID != collector.Spans("claim")[0].SpanID {
		t.Errorf("%+v", sent)
	}
}

func TestEachTryOfATaskIsInTheTraceThatAskedForIt(t *testing.T) {
	t.Parallel()
	r, collector := newRig(t), tracingtest.New(t)
	tr, flush := tracer(t, collector)
	stop := r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		if job.Attempt == 0 {
			return rotation.Result{Status: rotation.Failed, Err: &rotation.Error{Kind: rotation.Unavailable}, RotationID: "r-1"}
		}
		return rotation.Result{Status: rotation.Done, Rotated: true, RotationID: "r-1"}
	}), recording(tr))
	ctx, span := tr.Begin(t.Context(), tracing.ParseParent(parent), tracing.Internal, "claim")
	must(t, r.client.Enqueue(ctx, account, "a", time.Now(), rotation.ReasonScheduled, false))
	span.End(nil)
	eventually(t, "it was done", func() bool { return r.jobs.count("done") == 1 })
	must(t, stop())
	flush()
	runs, sent := collector.Spans("rotate"), collector.Spans("enqueue")[0]
	if len(runs) != 2 {
		t.Fatalf("%+v", runs)
	}
	for i, run := range runs {
		a := run.Attributes
		if run.TraceID != parent[3:35] || run.ParentID != sent.SpanID || a["keyturn.rotation_id"] != "r-1" || a["messaging.destination.name"] != account {
			t.Errorf("%+v", run)
		}
		if run.Failed != (i == 0) || a["keyturn.outcome"] != []string{"failed", "done"}[i] {
			t.Errorf("run %d: %+v", i, run)
		}
	}
}

func TestAHostileTraceOfATaskChangesNothing(t *testing.T) {
	t.Parallel()
	r, collector := newRig(t), tracingtest.New(t)
	tr, flush := tracer(t, collector)
	const canary = "canary-90b2"
	hostile := []map[string]string{
		{"traceparent": canary + strings.Repeat("x", 10<<10)},
		{"traceparent": parent + "-" + canary},
		{"traceparent": "01" + parent[2:]},
		{"traceparent": "00-" + strings.Repeat("0", 32) + parent[35:]},
		{"traceparent": strings.ToUpper(parent)},
		{"traceparent": canary + "\x1b[2J\n"},
		{"traceparent": ""},
		{"tracestate": canary, "baggage": canary, canary: canary},
	}
	for i, headers := range hostile {
		id := string(rune('a' + i))
		payload := `{"v":1,"credential":"` + id + `","reason":"scheduled"}`
		inject(t, r, asynq.NewTaskWithHeaders("rotate", []byte(payload), headers), asynq.MaxRetry(0x7fffffff))
	}
	stop := r.serve(t, rotate(done), recording(tr))
	eventually(t, "all were done", func() bool { return r.jobs.count("done") == len(hostile) && r.empty(t) })
	must(t, stop())
	flush()
	runs := collector.Spans("rotate")
	if len(runs) != len(hostile) || slices.ContainsFunc(runs, func(s tracingtest.Span) bool { return s.ParentID != "" || s.TraceID == parent[3:35] }) {
		t.Errorf("%+v", runs)
	}
	if strings.Contains(r.logs.String(), canary) || strings.Contains(string(collector.Received()), canary) {
		t.Error("a hostile header is repeated")
	}
}
