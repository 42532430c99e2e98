package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
)

// AccountSettings says how the jobs of one account are run.
type AccountSettings struct {
	Name        string
	Concurrency int           // jobs at once in this process, 2 to 64
	Timeout     time.Duration // of one run; longer than the longest provider call, 10 minutes at most
	Grace       time.Duration // how long runs may go on when they are to end: longer than the longest provider call
}

const (
	// backstop is asynq's own limit of a run. It must never come first: asynq abandons a handler that exceeds it.
	backstop = 15 * time.Minute
	// report is how long a run whose context ended has to say how it ended, before asynq abandons it.
	report = 15 * time.Second

	// pollEvery is how often a server looks at empty queues: half of it is the typical wait of a job that comes while
	// there is one. An account that has none hears the doorbell.
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

// Server runs jobs. All exported fields but Tracer are needed.
type Server struct {
	Breaker  *Breaker
	Observer Observer
	Log      *slog.Logger
	Now      func() time.Time
	// Apart is how far apart the calls of an account are that wait for each other; 0: none waits. It must return at once.
	Apart func(account string) time.Duration
	// Tracer records runs; nil: there is none.
	Tracer *tracing.Tracer

	rdb     redis.UniversalClient
	client  *Client
	running sync.WaitGroup
	guard   *guard

	wanted  atomic.Pointer[[]AccountSettings] // what Use said last
	changed chan struct{}                     // an element: since Serve looked at it

	idleFor, sweepEvery time.Duration
	heard               atomic.Pointer[string]   // the entry of the doorbell that was heard last; nil before the first sweep
	serving             atomic.Int64             // accounts with a server
	paused              atomic.Pointer[[]string] // accounts that had a paused queue at the last sweep
	late                late                     // why jobs may begin late
}

// NewServer makes a Server on a connection that Dial made, for one call of Serve; the caller fills the fields and closes
// the connection.
func NewServer(rdb redis.UniversalClient) *Server {
	s := &Server{
		rdb: rdb, client: NewClient(rdb), guard: newGuard(), changed: make(chan struct{}, 1), idleFor: idleFor, sweepEvery: sweepEvery,
	}
	s.wanted.Store(&[]AccountSettings{})
	rdb.AddHook(s.guard)
	return s
}

// Use has these accounts served, and no others. It may be called again while Serve runs: an account that is new is served at
// once; one with other settings goes on with them when the runs that it has have ended; and one that is not named takes no
// job any more, while its runs end as at a shutdown. The error names every account that cannot be served; then nothing
// changes.
func (s *Server) Use(accounts []AccountSettings) error {
	var problems []error
	for _, a := range accounts {
		problems = append(problems, a.Check())
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	s.wanted.Store(&accounts)
	select {
	case s.changed <- struct{}{}:
	default: // it is about to look
	}
	return nil
}

// Ready says why no job is taken, in Redis's own words: that its memory is full, for instance. It also says why jobs of
// accounts without a server may begin late.
func (s *Server) Ready() error {
	return errors.Join(s.guard.ready(), s.late.err())
}

// Serving is how many accounts have work for this process.
func (s *Server) Serving() int { return int(s.serving.Load()) }

// Paused is ErrPaused for each queue from which nothing is taken because a person paused it. A pause is seen with the
// next sweep, and its end at once.
func (s *Server) Paused(ctx context.Context) error {
	accounts := s.paused.Load()
	if accounts == nil || len(*accounts) == 0 {
		return nil
	}
	return s.client.Paused(ctx, *accounts...)
}

// Serve runs the jobs of the accounts that Use names until ctx ends, and returns when no run is left. Each account with
// work has a server of its own, so that one that is slow or throttled never holds up another, and one without work has
// none. It returns an error if it could not begin, or if runs did not end.
func (s *Server) Serve(ctx context.Context, h Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.guard.until(ctx)
	staff := newStaff(s, h, cancel)
	staff.assign(ctx, *s.wanted.Load())
	var parts sync.WaitGroup
	parts.Go(func() { s.listen(ctx, staff) })
	parts.Go(func() { s.sweep(ctx, staff) })
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.changed:
			staff.assign(ctx, *s.wanted.Load())
		}
	}
	parts.Wait()
	err := staff.end()
	return errors.Join(s.drain(), err)
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
