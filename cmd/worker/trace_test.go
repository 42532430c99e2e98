package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/tracing/tracingtest"
)

// traced is a stage whose programs hand their traces to a collector.
func traced(t *testing.T, env ...string) (*apptest.Stage, *tracingtest.Collector) {
	t.Helper()
	s, c := apptest.New(t), tracingtest.New(t)
	s.Env = append(c.Env(), env...)
	return s, c
}

// tree is a trace, as lines: each span with the names of those above it.
func tree(spans []tracingtest.Span) []string {
	byID := map[string]tracingtest.Span{}
	for _, s := range spans {
		byID[s.SpanID] = s
	}
	lines := make([]string, 0, len(spans))
	for _, s := range spans {
		line := s.Name
		for up, ok := byID[s.ParentID]; ok; up, ok = byID[up.ParentID] {
			line = up.Name + " > " + line
		}
		lines = append(lines, s.Service+": "+line)
	}
	slices.Sort(lines)
	return lines
}

func TestARotationIsOneTraceFromTheDemandToTheClose(t *testing.T) {
	t.Parallel()
	s, collector := traced(t)
	set, issued := s.SES("setlocal", "first: manual"), s.Kirim("issuedlocal", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	for _, cred := range []apptest.Credential{set, issued} {
		if out, status := s.Ctl("rotate", cred.ID, "--wait"); status != 0 {
			t.Fatal(out)
		}
	}
	s.Until("both commands and both runs are there", func() bool {
		return len(collector.Spans("rotate")) == 2 && len(collector.Spans("rotatectl rotate")) == 2
	})
	for i, root := range collector.Spans("rotatectl rotate") {
		trace := slices.DeleteFunc(collector.Spans(), func(s tracingtest.Span) bool { return s.TraceID != root.TraceID })
		lines := strings.Join(tree(trace), "\n")
		run := "keyturn-worker: rotatectl rotate > enqueue > rotate"
		for _, want := range []string{
			"keyturn-rotatectl: rotatectl rotate\n",
			run + "\n", run + " > get in line > hold > ", run + " > stage > vault save journal\n",
			run + " > " + []string{"set > provider set", "issue > provider issue"}[i],
			run + " > verify > smtp login\n", run + " > promote > vault write secret\n", run + " > close > vault save journal\n", run + " > close > settle > ",
		} {
			if !strings.Contains(lines+"\n", want) {
				t.Errorf("no %q in\n%s", want, lines)
			}
		}
		if n, under := strings.Count(lines, "keyturn-worker: "), strings.Count(lines, run); n != under {
			t.Errorf("%d spans of the worker hang in the air:\n%s", n-under, lines)
		}
		logged(t, w.Output(), "rotated", root.TraceID)
	}
	for _, run := range collector.Spans("rotate") {
		a := run.Attributes
		if a["keyturn.outcome"] != "done" || a["keyturn.rotation_id"] == "" || a["keyturn.reason"] != "on demand" || a["keyturn.account"] == "" || run.Failed {
			t.Errorf("%+v", run)
		}
	}
	tellsNothing(t, s, collector, set, issued)
}

// logged looks for a line of the log that names a trace.
func logged(t *testing.T, output, message, trace string) {
	t.Helper()
	for line := range strings.Lines(output) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message && fields["trace_id"] == trace && fields["span_id"] != "" {
			return
		}
	}
	t.Errorf("no line %q of trace %s", message, trace)
}

// tellsNothing looks for secrets and for local parts of targets in all that was exported.
func tellsNothing(t *testing.T, s *apptest.Stage, collector *tracingtest.Collector, creds ...apptest.Credential) {
	t.Helper()
	forbidden := []string{s.Vault.Token, s.Keys.SESID, s.Keys.SESKey, s.Keys.KirimUser, s.Keys.KirimToken, "00000000-0000-4000-8000-"}
	for _, cred := range creds {
		local, _, _ := strings.Cut(cred.Username, "@")
		forbidden = append(forbidden, s.Current(cred).Password, local, cred.Path)
	}
	received := collector.Received()
	for i, text := range forbidden {
		if text == "" || bytes.Contains(received, []byte(text)) {
			t.Errorf("forbidden text %d is exported, or empty", i)
		}
	}
}

func TestAScheduledRotationIsOneTraceFromItsClaim(t *testing.T) {
	t.Parallel()
	s, collector := traced(t, "KEYTURN_TRACE_LOCAL_PARTS=true")
	cred := s.SES("scheduled", "first: now")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	s.Until("the run is there", func() bool {
		return slices.ContainsFunc(collector.Spans("rotate"), func(s tracingtest.Span) bool { return s.Attributes["keyturn.outcome"] == "done" })
	})
	s.Until("so is its claim", func() bool {
		run := collector.Spans("rotate")[0]
		return slices.ContainsFunc(collector.Spans("claim"), func(claim tracingtest.Span) bool {
			return claim.TraceID == run.TraceID && claim.ParentID == "" && claim.Service == "keyturn-scheduler" &&
				claim.Attributes["keyturn.credential"] == cred.ID && run.Attributes["keyturn.credential"] == cred.ID // which is allowed here
		})
	})
}

func TestARotationDoesNotWaitForACollectorThatIsAway(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.Env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_EXPORTER_OTLP_TIMEOUT=500"}
	cred := s.SES("away", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	out, status := s.Ctl("rotate", cred.ID, "--wait")
	if status != 0 || !strings.Contains(out, "rotatectl: warning: traces are not exported") {
		t.Errorf("status %d:\n%s", status, out)
	}
	w.Logged("traces are not exported")
	if n := strings.Count(w.Output(), "traces are not exported"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

func TestWithoutTheVariablesNoTraceIsMentioned(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	cred := s.SES("plain", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	if out, status := s.Ctl("rotate", cred.ID, "--wait"); status != 0 {
		t.Fatal(out)
	}
	if strings.Contains(w.Output(), "trace") {
		t.Error(w.Output())
	}
}
