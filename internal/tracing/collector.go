package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"keyturn/internal/rotation"
)

// collector speaks OTLP over HTTP. It is OpenTelemetry's otlptracehttp without what keyturn has no use for: that one links
// gRPC, and so doubles what a program has to be trusted with. The messages are OpenTelemetry's own.
type collector struct {
	*settings
	http *http.Client

	closing, closed context.Context // no pause is waited for any more; no request goes on
	hurry, stop     context.CancelFunc
}

const (
	firstPause = time.Second // before spans are sent again; then twice as long
	mostAnswer = 64 << 10    // bytes of an answer that are read, so that its connection can be used again
)

func newCollector(s *settings) *collector {
	c := &collector{settings: s}
	c.closing, c.hurry = context.WithCancel(context.Background())
	c.closed, c.stop = context.WithCancel(context.Background())
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: s.tls, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the headers may hold a key, which is for this endpoint alone
	}}
	return c
}

// Start implements otlptrace.Client.
func (*collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. What the collector does not take for now is sent again for as long as one
// export may take.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := c.encode(spans)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer context.AfterFunc(c.closed, cancel)() //nolint:contextcheck // it ends with the export or with the process
	for pause := firstPause; ; pause *= 2 {
		after, err := c.post(ctx, body)
		if err == nil || after < 0 || !c.pause(ctx, max(pause, after)) {
			return err
		}
	}
}

// pause reports whether there is time for another try.
func (c *collector) pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && (rotation.WallClock{}).Now().Add(d).After(end) {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.closing, cancel)() //nolint:contextcheck // a process that ends does not wait
	return (rotation.WallClock{}).Sleep(ctx, d) == nil
}

// encode writes an ExportTraceServiceRequest: TracesData has the same fields, and is not in a package that needs gRPC.
func (c *collector) encode(spans []*tracepb.ResourceSpans) ([]byte, error) {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil || !c.gzip {
		return body, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(body)
	if end := w.Close(); err == nil {
		err = end
	}
	return packed.Bytes(), err
}

// post sends spans once. It returns how long the collector wants to be left alone; a negative time where to send them
// again would not help.
func (c *collector) post(ctx context.Context, body []byte) (after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	req.Header = c.headers.Clone()
	req.Header.Set("Content-Type", "application/x-protobuf")
	if c.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	res, err := c.http.Do(req)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // without the URL: the path of some is a key
		}
		return 0, fmt.Errorf("the collector at %s: %w", c.endpoint.Host, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, mostAnswer)) // what it says beside the status is not ours to log
	switch res.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16)
		after = time.Duration(seconds) * time.Second
	default:
		after = -1
	}
	return after, fmt.Errorf("the collector at %s answers HTTP %d", c.endpoint.Host, res.StatusCode)
}
