package app

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/console"
	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/redisx"
	"keyturn/internal/secret"
	"keyturn/internal/version"
)

// Console is the console of a configuration with its ports in place.
type Console struct {
	*console.Console
	Clock *queue.Clock // the caller calls its Run

	process *Process
	desk    atomic.Pointer[operate.Desk]
	oidc    atomic.Pointer[console.OIDC]
}

var errNoConsole = errors.New("console: is missing: it says where the console is served and who may do what there (docs/console.md)")

// NewConsole connects a console to Redis.
func (p *Process) NewConsole(ctx context.Context) (*Console, error) {
	cfg := p.Config()
	if cfg.Console == nil {
		return nil, errNoConsole
	}
	clock, err := queue.NewClock(ctx, p.Redis, p.Log, nil)
	if err != nil {
		return nil, err
	}
	desk, err := NewDesk(ctx, cfg, p.Redis, nil)
	if err != nil {
		return nil, err
	}
	desk.Clock = clock
	settings, err := serverTLS(cfg.Console.TLS)
	if err != nil {
		return nil, err
	}
	issuer, err := issuerOf(cfg.Console.OIDC)
	if err != nil {
		return nil, err
	}
	c := &Console{Clock: clock, process: p}
	c.desk.Store(desk)
	c.oidc.Store(issuer)
	c.Console = &console.Console{
		Desk: c.desk.Load, Shelf: shelf{p.Redis}, Tokens: c.token, OIDC: c.oidc.Load, URL: cfg.Console.URL, BehindProxy: cfg.Console.BehindProxy, TLS: settings,
		Version: version.Read().Version, Log: p.Log, Around: p.Tracer.Requests,
	}
	return c, nil
}

// Use answers by another configuration from now on.
func (c *Console) Use(next *config.Config) error {
	was := *c.process.Config().Console
	if next.Console == nil {
		return errNoConsole
	}
	now := *next.Console
	was.Tokens, now.Tokens, was.OIDC, now.OIDC = nil, nil, nil, nil
	if !reflect.DeepEqual(was, now) {
		return errors.New("console: a console stays where it is served: restart it for another listen, url, tls or behind_proxy")
	}
	issuer, err := issuerOf(next.Console.OIDC)
	if err != nil {
		return err
	}
	before, desk := c.desk.Load(), operate.For(next)
	desk.Clock, desk.Queue, desk.Index, desk.Mirror, desk.Chronicle, desk.Calendar = before.Clock, before.Queue, before.Index, before.Mirror, before.Chronicle, before.Calendar
	desk.Breakers, desk.Pauses, desk.Acts, desk.Notes, desk.Orders = before.Breakers, before.Pauses, before.Acts, before.Notes, before.Orders
	desk.Outbox, desk.Teller, desk.ToldOf = before.Outbox, before.Teller, toldOf(next)
	c.desk.Store(desk)
	c.oidc.Store(issuer)
	return nil
}

// Listen opens the address of the console. Where it took a free port, its URL has that.
func (c *Console) Listen(ctx context.Context) (net.Listener, error) {
	settings := c.process.Config().Console
	l, err := observe.Listen(ctx, settings.Listen)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if host, port, err := net.SplitHostPort(c.URL.Host); err == nil && port == "0" {
		_, bound, _ := net.SplitHostPort(l.Addr().String())
		c.URL = &url.URL{Scheme: c.URL.Scheme, Host: net.JoinHostPort(host, bound)}
	}
	c.Log.InfoContext(ctx, "console", "url", c.URL.String(), "address", l.Addr().String()) // from now on connections wait at worst
	return l, nil
}

// serverTLS reads the certificate again for each connection, since certificates are replaced while a process runs. Where that
// fails, in the middle of a replacement for instance, what was read last counts.
func serverTLS(files *config.ConsoleTLS) (*tls.Config, error) {
	if files == nil {
		return nil, nil
	}
	first, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("console: tls: %w", err)
	}
	var last atomic.Pointer[tls.Certificate]
	last.Store(&first)
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if next, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile); err == nil {
			last.Store(&next)
		}
		return last.Load(), nil
	}}, nil
}

// token implements console.Console.Tokens.
func (c *Console) token(digest console.Digest) (name string, role console.Role, ok bool) {
	settings := c.process.Config().Console
	if settings == nil {
		return "", console.None, false
	}
	for _, t := range settings.Tokens {
		known, err := digestOf(t)
		if err != nil {
			continue // Ready says so
		}
		if subtle.ConstantTimeCompare(known[:], digest[:]) == 1 {
			name, role, ok = t.Name, console.RoleOf(string(t.Role)), true
		}
	}
	return name, role, ok
}

// digestOf is the digest of a token, of its file where it has one.
func digestOf(t config.ConsoleToken) (digest console.Digest, err error) {
	if t.File == "" {
		return t.Digest, nil
	}
	text, err := secret.ReadFile(t.File)
	if err != nil {
		return digest, err
	}
	bits, err := hex.DecodeString(text.Trim().Reveal())
	switch {
	case err != nil || len(bits) != len(digest):
		return digest, fmt.Errorf("%s does not have the 64 hexadecimal digits of a SHA-256", t.File)
	case console.Digest(bits) == sha256.Sum256(nil):
		return digest, fmt.Errorf("%s has the SHA-256 of nothing: the token was not there when it was made", t.File)
	}
	return console.Digest(bits), nil
}

// Ready says which tokens cannot be used.
func (c *Console) Ready(context.Context) error {
	var problems []error
	for _, t := range c.process.Config().Console.Tokens {
		if _, err := digestOf(t); err != nil {
			problems = append(problems, fmt.Errorf("console.tokens.%s: %w", t.Name, err))
		}
	}
	return errors.Join(problems...)
}

// shelf is console.Shelf on Redis.
type shelf struct{ rdb redis.UniversalClient }

// Get implements console.Shelf.
func (s shelf) Get(ctx context.Context, key string) ([]byte, error) {
	return kept(s.rdb.Get(ctx, redisx.Console(key)))
}

// Take implements console.Shelf.
func (s shelf) Take(ctx context.Context, key string) ([]byte, error) {
	return kept(s.rdb.GetDel(ctx, redisx.Console(key)))
}

func kept(answer *redis.StringCmd) ([]byte, error) {
	value, err := answer.Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return value, err
}

// Put implements console.Shelf.
func (s shelf) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.rdb.Set(ctx, redisx.Console(key), value, ttl).Err()
}

// Add implements console.Shelf.
func (s shelf) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	return s.rdb.SetNX(ctx, redisx.Console(key), value, ttl).Result()
}

// Delete implements console.Shelf.
func (s shelf) Delete(ctx context.Context, key string) error {
	return s.rdb.Del(ctx, redisx.Console(key)).Err()
}
