package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/tracing/tracingtest"
)

// TestARequestIsTheBeginningOfARotationsTrace: whatever a caller sends as its own trace, the rotation is the same.
func TestARequestIsTheBeginningOfARotationsTrace(t *testing.T) {
	t.Parallel()
	const pipeline = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	s, collector := apptest.New(t), tracingtest.New(t)
	s.Env = collector.Env()
	given, hostile := s.SES("given", "first: manual"), s.SES("hostile", "first: manual")
	s.Configure(apptest.Settings{Patient: true, Top: withConsole("")})
	s.Start("worker")
	c := open(t, s)
	ask := func(cred apptest.Credential, traceparent string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/v1/credentials/"+cred.ID+"/rotate?wait_seconds=60", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+operator)
		req.Header.Set("Traceparent", traceparent)
		if status, text := c.send(req, nil); status != http.StatusAccepted || !strings.Contains(text, "rotated") {
			t.Fatalf("%d: %s", status, text)
		}
	}
	ask(given, pipeline)
	ask(hostile, strings.Repeat(pipeline, 10<<10/len(pipeline)))
	s.Until("both rotations are traced", func() bool {
		return len(collector.Spans("rotate")) == 2 && len(collector.Spans("POST /v1/credentials/{id}/rotate")) == 2
	})
	for _, run := range collector.Spans("rotate") {
		i := slices.IndexFunc(collector.Spans("POST /v1/credentials/{id}/rotate"), func(s tracingtest.Span) bool { return s.TraceID == run.TraceID })
		if i < 0 || run.Service != "keyturn-worker" {
			t.Fatalf("no request of %+v", run)
		}
		request := collector.Spans("POST /v1/credentials/{id}/rotate")[i]
		goesOn := request.TraceID == pipeline[3:35]
		if request.Service != "keyturn-console" || goesOn && request.ParentID != pipeline[36:52] || !goesOn && request.ParentID != "" {
			t.Errorf("%+v", request)
		}
	}
	if n := len(slices.DeleteFunc(collector.Spans("rotate"), func(s tracingtest.Span) bool { return s.TraceID != pipeline[3:35] })); n != 1 {
		t.Errorf("%d rotations are in the caller's trace", n)
	}
	if received := string(collector.Received()); strings.Contains(received, given.ID) || strings.Contains(received, operator) {
		t.Error("an id or a token is exported")
	}
}
