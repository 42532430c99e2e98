package console

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"keyturn/internal/operate"
)

// Console serves API and pages. Its fields do not change; Desk, Tokens and OIDC answer by the configuration in force.
type Console struct {
	Desk  func() *operate.Desk
	Shelf Shelf
	// Tokens knows a token by its digest.
	Tokens func(Digest) (name string, role Role, ok bool)
	// OIDC is the issuer at which people may log in too; nil: there is none.
	OIDC func() *OIDC
	// URL is how people reach it: requests for any other host are refused.
	URL *url.URL
	// BehindProxy says that connections come from a proxy, which names the client at the end of X-Forwarded-For: for the audit and the
	// limits.
	BehindProxy bool
	// TLS is how connections are kept from others; nil: they are not.
	TLS     *tls.Config
	Version string
	Log     *slog.Logger
	// Around sees the requests of callers who are known; nil: nothing does.
	Around func(http.Handler) http.Handler

	limits *limits
	feed   feed
	views  *glimpse
	ahead  *plans
}

const (
	streamPath = "/v1/events/stream"

	maxBody    = 64 << 10
	maxHeader  = 16 << 10
	maxClients = 2048 // connections at once, streams included
	maxCrowd   = 256  // of these, from one address
	callTime   = 30 * time.Second
	// readTime is how long a page may take to read what it shows, and who asks: where Redis is away, people are to hear of it.
	readTime = 8 * time.Second
	askTime  = 3 * time.Second
	// followMost is how long a request may follow what it asked for.
	followMost = 2 * time.Minute
	stopTime   = 5 * time.Second
)

// Serve answers on l until ctx ends, and closes l.
func (c *Console) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:        c.Handler(), //nolint:contextcheck // requests bring their own
		MaxHeaderBytes: maxHeader, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		WriteTimeout: followMost + callTime,
		BaseContext:  func(net.Listener) context.Context { return ctx },
		ErrorLog:     slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug), // clients that go away are no trouble of ours
	}
	feeding, quit := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer quit() // also where the server could not go on
	background.Go(func() { c.feed.run(feeding, c.Desk) })
	defer c.ahead.end()
	stopped := make(chan error, 1)
	if !c.BehindProxy { // which alone knows where they come from
		l = newCrowd(l, maxCrowd, func(from string) {
			c.Log.WarnContext(ctx, "connections are closed: an address has too many", "from", from, "most", maxCrowd)
		})
	}
	go func() {
		l := netutil.LimitListener(l, maxClients)
		if c.TLS == nil {
			stopped <- srv.Serve(l)
			return
		}
		srv.TLSConfig = c.TLS
		stopped <- srv.ServeTLS(l, "", "")
	}()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := srv.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-stopped //nolint:errcheck // http.ErrServerClosed: it was shut down
	return err
}

// Handler is API and pages behind everything that guards them.
func (c *Console) Handler() http.Handler {
	c.limits, c.views, c.ahead = newLimits(), &glimpse{}, &plans{}
	mux := http.NewServeMux()
	c.api(mux)
	mux.HandleFunc("GET "+streamPath, c.stream)
	c.pages(mux)
	return c.guard(mux)
}
