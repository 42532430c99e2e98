// Package tracingtest is a collector of traces for tests.
package tracingtest

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector takes spans over OTLP/HTTP, as http/protobuf.
type Collector struct {
	URL string

	mu       sync.Mutex
	spans    []Span
	received bytes.Buffer
	headers  []http.Header
}

// Span is what a collector knows of a span.
type Span struct {
	Service, Name             string
	TraceID, SpanID, ParentID string // in hex; no parent: ""
	Kind                      tracepb.Span_SpanKind
	Failed                    bool
	Attributes                map[string]string
}

// New starts a collector that ends with the test.
func New(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	tb.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Env is the environment of a process whose traces it takes, each soon after it ends.
func (c *Collector) Env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_BSP_SCHEDULE_DELAY=100"}
}

// Getenv is Env for what runs in the process of a test.
func (c *Collector) Getenv(name string) string {
	if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
		return c.URL
	}
	return ""
}

func (c *Collector) take(r *http.Request) error {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return http.ErrNotSupported
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = unpacked
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var sent tracepb.TracesData
	if err := proto.Unmarshal(data, &sent); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received.Write(data)
	c.headers = append(c.headers, r.Header.Clone())
	for _, of := range sent.ResourceSpans {
		service := attributes(of.Resource.Attributes)["service.name"]
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{
					Service: service, Name: s.Name, Kind: s.Kind, Failed: s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR,
					TraceID: hex.EncodeToString(s.TraceId), SpanID: hex.EncodeToString(s.SpanId), ParentID: hex.EncodeToString(s.ParentSpanId),
					Attributes: attributes(s.Attributes),
				})
			}
		}
	}
	return nil
}

func attributes(all []*commonpb.KeyValue) map[string]string {
	m := make(map[string]string, len(all))
	for _, a := range all {
		m[a.Key] = a.Value.GetStringValue()
		if m[a.Key] == "" {
			m[a.Key] = a.Value.String()
		}
	}
	return m
}

// Spans are those that came so far, with one of these names; all of them where none is given.
func (c *Collector) Spans(names ...string) []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.spans), func(s Span) bool {
		return len(names) > 0 && !slices.Contains(names, s.Name)
	})
}

// Received is every byte of what came, unpacked.
func (c *Collector) Received() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.received.Bytes())
}

// Headers are those of each request.
func (c *Collector) Headers() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.headers)
}
