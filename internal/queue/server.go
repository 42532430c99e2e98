package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// AccountSettings says how the jobs of one account are run.
type AccountSettings struct {
	Name        string
	Concurrency int           // jobs at once in this process, 2 to 64
	Timeout     time.Duration // of one run; longer than the longest provider call, 10 minutes at most
}

const (
	// backstop is asynq's own limit of a run. It must never come first: asynq abandons a handler that exceeds it.
	backstop = 15 * time.Minute
	// report is how long a run whose context ended has to say how it ended, before asynq abandons it.
	report = 15 * time.Second

	// pollEvery is how often an idle account's queues are looked at: half of it is the typical wait of a job on
	// demand. See docs/performance.md for what it costs an idle worker.
	pollEvery    = 50 * time.Millisecond
	forwardEvery = time.Second // how often waiting jobs are looked at
	tidyEvery    = 30 * time.Second
)

// Check reports what keeps the account from being served.
func (a AccountSettings) Check() error {
	if err := checkAccount(a.Name); err != nil {
		return err
	}
	if a.Concurrency < rotation.MinConcurrency || a.Concurrency > rotation.MaxConcurrency {
		return fmt.Errorf("account %s: concurrency %d is not within %d to %d", a.Name, a.Concurrency, rotation.MinConcurrency, rotation.MaxConcurrency)
	}
	if a.Timeout <= 0 || a.Timeout > rotation.MaxRun {
		return fmt.Errorf("account %s: time-out %s is not within 0 to %s", a.Name, a.Timeout, rotation.MaxRun)
	}
	return nil
}

// Observer sees runs, for metrics. It must return at once.
type Observer interface {
	// Job reports the end of one run. Outcome is the name of a rotation.Status, or one of blocked, unknown, newer,
	// malformed, panic and abandoned. Kind is a Kind, or "other" where a task says something else.
	Job(account, kind, outcome string, took time.Duration)
}

// Server runs jobs. All fields are needed.
type Server struct {
	Breaker  *Breaker
	Observer Observer
	Log      *slog.Logger
	Now      func() time.Time
	// Grace is how long runs may go on after Serve's context ended: longer than the longest provider call.
	Grace time.Duration

	rdb     redis.UniversalClient
	client  *Client
	running sync.WaitGroup
	guard   *guard
}

// NewServer makes a Server on a connection that Dial made, for one call of Serve; the caller fills the fields and closes
// the connection.
func NewServer(rdb redis.UniversalClient) *Server {
	s := &Server{rdb: rdb, client: NewClient(rdb), guard: newGuard()}
	rdb.AddHook(s.guard)
	return s
}

// Ready says why no job is taken, in Redis's own words: that its memory is full, for instance.
func (s *Server) Ready() error { return s.guard.ready() }

// Serve runs the jobs of the accounts until ctx ends, and returns when no run is left. Each account has a server of its
// own, so that one that is slow or throttled never holds up another. It returns an error if it could not begin, or if
// runs did not end.
func (s *Server) Serve(ctx context.Context, accounts []AccountSettings, h Handler) error {
	for _, a := range accounts {
		if err := a.Check(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.guard.until(ctx)
	var servers sync.WaitGroup
	errs := make([]error, len(accounts), len(accounts)+1)
	for i, a := range accounts {
		servers.Go(func() {
			if errs[i] = s.serve(ctx, a, h); errs[i] != nil {
				cancel()
			}
		})
	}
	servers.Wait()
	return errors.Join(append(errs, s.drain())...)
}

// ErrStillRunning is a handler that did not return although its context had ended.
var ErrStillRunning = errors.New("a run goes on although its context ended")

// drain waits for runs that asynq has given up on, so that the process does not end within a provider call.
func (s *Server) drain() error {
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	timer := time.NewTimer(report)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return ErrStillRunning
	}
}

// serve runs one account. When ctx ends no more jobs are taken; runs have Grace to end by themselves, then their
// contexts end; a run that has not reported a little later is abandoned, and its task goes back to the queue.
func (s *Server) serve(ctx context.Context, settings AccountSettings, h Handler) error {
	stop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := asynq.NewServerFromRedisClient(s.rdb, asynq.Config{
		Concurrency:              settings.Concurrency,
		Queues:                   map[string]int{nowQueue(settings.Name): 2, settings.Name: 1},
		StrictPriority:           true,
		TaskCheckInterval:        pollEvery,
		DelayedTaskCheckInterval: ownForwarder,
		JanitorInterval:          time.Hour, // it looks after completed tasks, and none is retained
		ShutdownTimeout:          s.Grace + report,
		RetryDelayFunc:           s.retryDelay,
		IsFailure:                isFailure,
		Logger:                   engineLog{s.Log.With("account", settings.Name)},
		LogLevel:                 asynq.InfoLevel,
	})
	if err := srv.Start(&account{Server: s, AccountSettings: settings, handler: h, stop: stop}); err != nil {
		return fmt.Errorf("account %s: %w", settings.Name, err)
	}
	var forwarding sync.WaitGroup
	forwarding.Go(func() { s.forward(ctx, settings.Name) })
	s.housekeep(ctx, settings.Name)
	forwarding.Wait()
	grace := time.AfterFunc(s.Grace, cancel)
	defer grace.Stop()
	srv.Shutdown()
	return nil
}

// housekeep tidies up now and then until ctx ends.
func (s *Server) housekeep(ctx context.Context, account string) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		removed, err := s.client.tidy(ctx, account)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.Log.WarnContext(ctx, "housekeeping of a queue is late", "account", account, "error", err)
		case removed > 0:
			s.Log.WarnContext(ctx, "put back or removed tasks that no worker ran", "account", account, "tasks", removed)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// forward moves what is due until ctx ends.
func (s *Server) forward(ctx context.Context, account string) {
	ticker := time.NewTicker(forwardEvery)
	defer ticker.Stop()
	f := forwarder{Client: s.client, account: account}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := f.tick(ctx); err != nil && ctx.Err() == nil {
			s.Log.DebugContext(ctx, "what is due waits", "account", account, "error", err) // /readyz tells why
		}
	}
}
