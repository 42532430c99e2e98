package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Endpoint answers over HTTP: /healthz (the process runs), /readyz (it can work), /metrics. It shows no secret, and
// asks for no password: bind it where only authorised people can reach it.
type Endpoint struct {
	Metrics *Metrics
	// Ready says why the process cannot work now; its text is shown.
	Ready func(context.Context) error
	Log   *slog.Logger
}

const (
	readyTimeout    = 6 * time.Second // more than a check may take
	shutdownTimeout = 5 * time.Second
)

// Listen opens the address to serve at; port 0 takes a free one, which the listener's Addr returns.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", addr)
}

// Serve answers on l until ctx ends, and closes l.
func (e Endpoint) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           e.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(e.Log.Handler(), slog.LevelWarn),
	}
	e.Log.InfoContext(ctx, "health and metrics", "address", l.Addr().String())
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Serve(l) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("health and metrics: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := srv.Shutdown(ctx)
	<-stopped //nolint:errcheck // http.ErrServerClosed: it was shut down
	return err
}

func (e Endpoint) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := e.Ready(ctx); err != nil {
			http.Error(w, printableLines(err.Error()), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(e.Metrics.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(e.Log.Handler(), slog.LevelWarn),
	}))
	return mux
}

// ErrNotReady is a process that answers that it cannot work.
var ErrNotReady = errors.New("not ready")

// CheckHealth asks the process that serves at addr on this machine whether it is ready: the health check of a
// container that has no curl. An address of all interfaces is asked on loopback.
func CheckHealth(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	// Not the default transport: a proxy in the environment does not lead to this machine.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: readyTimeout + time.Second}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	why, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return fmt.Errorf("%w: HTTP %d", ErrNotReady, res.StatusCode)
	}
	return fmt.Errorf("%w: %s", ErrNotReady, why)
}
