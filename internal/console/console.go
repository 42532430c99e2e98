package console

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/netutil"

	"keyturn/internal/operate"
)

// Console serves API and pages. Its fields do not change; Desk and Tokens answer by the configuration in force.
type Console struct {
	Desk  func() *operate.Desk
	Shelf Shelf
	// Tokens knows a token by its digest.
	Tokens func(Digest) (name string, role Role, ok bool)
	// URL is how people reach it: requests for any other host are refused.
	URL *url.URL
	// BehindProxy says that connections come from a proxy, which names the client in X-Forwarded-For: for the audit alone.
	BehindProxy bool
	Version     string
	Log         *slog.Logger

	limits  *limits
	streams streams
}

const (
	maxBody    = 64 << 10
	maxHeader  = 16 << 10
	maxClients = 2048 // connections at once, streams included
	callTime   = 30 * time.Second
	// followMost is how long a request may follow what it asked for.
	followMost = 2 * time.Minute
	stopTime   = 5 * time.Second
)

// Serve answers on l until ctx ends, and closes l.
func (c *Console) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: c.Handler(), MaxHeaderBytes: maxHeader, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		WriteTimeout: followMost + callTime,
		BaseContext:  func(net.Listener) context.Context { return ctx },
		ErrorLog:     slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug), // clients that go away are no trouble of ours
	}
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Serve(netutil.LimitListener(l, maxClients)) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-stopped
	return err
}

// Handler is API and pages behind everything that guards them.
func (c *Console) Handler() http.Handler {
	if c.limits == nil {
		c.limits = newLimits()
	}
	mux := http.NewServeMux()
	c.api(mux)
	mux.HandleFunc("GET /v1/events/stream", c.stream)
	c.pages(mux)
	return c.guard(mux)
}
