package core

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"
)

// Ready says where a running sandbox listens. cmd/sandbox prints it as one line of JSON.
type Ready struct {
	Providers map[string]string `json:"providers"`     // base URL by code
	SMTP      map[string]string `json:"smtp"`          // host:port by code, implicit TLS
	STARTTLS  map[string]string `json:"smtp_starttls"` // host:port by code
	Admin     string            `json:"admin"`         // base URL of the admin API
}

// Server is a running sandbox. Its methods may be called from many goroutines; docs/sandbox.md describes the admin API
// that offers the same over HTTP.
type Server struct {
	config   Config
	order    []string // codes in the order of their ports
	services map[string]*Service
	defs     map[string]StandIn
	injector *injector
	holds    *holds
	callers  *callers
	store    *store
	ca       *authority
	ready    Ready

	stop     sync.Once
	stopping chan struct{}
	https    []*http.Server
	smtps    []*smtp.Server
	mail     []net.Listener // of smtps, which forget one whose Serve comes after Close
	group    errgroup.Group
}

// Start opens the state file, listens, and serves until Close. It returns once every port accepts connections.
func Start(ctx context.Context, config Config) (*Server, error) {
	if config.Now == nil {
		return nil, errors.New("sandbox: Config.Now is missing")
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config: config, services: map[string]*Service{}, defs: map[string]StandIn{},
		injector: newInjector(config.Seed, config.Now, config.StandIns), holds: newHolds(), stopping: make(chan struct{}),
		callers: &callers{looks: map[string]func(string) Caller{}},
		ready:   Ready{Providers: map[string]string{}, SMTP: map[string]string{}, STARTTLS: map[string]string{}},
	}
	err := s.build()
	if err == nil {
		err = s.listen(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

// Ready says where the sandbox listens.
func (s *Server) Ready() Ready { return s.ready }

// Wait returns when a listener fails, or nil after Close.
func (s *Server) Wait() error { return s.group.Wait() }

// Close stops listening, lets go of what is held, ends requests in flight when ctx ends, and closes the state file.
func (s *Server) Close(ctx context.Context) error {
	s.stop.Do(func() { close(s.stopping) })
	var errs []error
	for _, server := range s.smtps {
		if err := server.Close(); !errors.Is(err, smtp.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	for _, l := range s.mail {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, server := range s.https {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, server.Close())
		}
	}
	errs = append(errs, s.group.Wait())
	s.store.close()
	return errors.Join(errs...)
}

// listen opens the ports: that of the admin API, and those of each stand-in.
func (s *Server) listen(ctx context.Context) error {
	ports, err := newPorts(s.config)
	if err != nil {
		return err
	}
	config, err := s.ca.serverConfig(s.config.Now(), "localhost", "127.0.0.1", "::1", ports.host, ports.name)
	if err != nil {
		return err
	}
	admin, err := ports.open(ctx, 0)
	if err != nil {
		return err
	}
	s.ready.Admin = "http://" + ports.shown(admin)
	s.serveHTTP(ctx, admin, s.admin())
	for _, code := range s.order {
		l, err := ports.open(ctx, s.defs[code].Ports.API)
		if err != nil {
			return err
		}
		s.ready.Providers[code] = "http://" + ports.shown(l)
		s.serveHTTP(ctx, l, s.services[code])
	}
	for _, code := range s.order {
		if s.defs[code].Names == nil {
			continue
		}
		implicit, err := ports.open(ctx, s.defs[code].Ports.SMTP)
		if err != nil {
			return err
		}
		upgraded, err := ports.open(ctx, s.defs[code].Ports.SMTP+1)
		if err != nil {
			return errors.Join(err, implicit.Close())
		}
		s.ready.SMTP[code], s.ready.STARTTLS[code] = ports.shown(implicit), ports.shown(upgraded)
		server := newSMTP(s.services[code], config, s.defs[code].User)
		s.smtps = append(s.smtps, server)
		s.serveSMTP(server, tls.NewListener(door{implicit, s.services[code]}, config))
		s.serveSMTP(server, door{upgraded, s.services[code]})
	}
	if s.config.CAFile == "" {
		return nil
	}
	return os.WriteFile(s.config.CAFile, s.ca.pem(), 0o644) //nolint:gosec // a certificate, public by nature
}

func (s *Server) serveHTTP(ctx context.Context, l net.Listener, h http.Handler) {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:    slog.NewLogLogger(s.config.Log.Handler(), slog.LevelWarn),
	}
	s.https = append(s.https, server)
	s.group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

func (s *Server) serveSMTP(server *smtp.Server, l net.Listener) {
	s.mail = append(s.mail, l)
	s.group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
}

// ports hands out listeners: free ones, or those at a distance from a given port.
type ports struct {
	host, name string
	port       int // of the admin API; 0 for free ones
}

// maxPorts is how far a stand-in may have its ports.
const maxPorts = 127

func newPorts(c Config) (*ports, error) {
	listen := c.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	p := &ports{host: host, name: c.Name}
	if p.port, err = strconv.Atoi(port); err != nil || p.port < 0 || p.port > 65535-maxPorts {
		return nil, fmt.Errorf("port %q of %s is not a port up to %d", port, listen, 65535-maxPorts)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !c.Public {
		return nil, fmt.Errorf("%s is not loopback: a sandbox shows live passwords, so this has to be asked for", listen)
	}
	if p.name == "" {
		p.name = host
	}
	return p, nil
}

func (p *ports) open(ctx context.Context, distance int) (net.Listener, error) {
	if p.port == 0 {
		distance = 0
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", net.JoinHostPort(p.host, strconv.Itoa(p.port+distance)))
}

// shown is a listener's address as clients use it.
func (p *ports) shown(l net.Listener) string {
	return net.JoinHostPort(p.name, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}
