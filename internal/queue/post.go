package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// post is one account's place in a worker. It has an asynq server only while there is work: an idle one asks Redis more
// than a hundred times a second, and holds a connection. A server that has stopped cannot be started again, so that each
// time another one is made.
type post struct {
	*Server
	AccountSettings
	handler Handler
	rung    chan struct{} // an element: there may be something to do
	tidied  time.Time

	quit   context.CancelFunc
	gone   chan struct{} // closed when no run of it is left
	leaves bool          // its account is served no more; guarded by staff.mu
}

const (
	// idleFor is how long a server goes on that has nothing to do: jobs seldom come alone.
	idleFor = 10 * time.Second
	// lookAgain is the pause after a look that Redis did not answer.
	lookAgain = time.Second
)

func newPost(s *Server, a AccountSettings, h Handler) *post {
	return &post{Server: s, AccountSettings: a, handler: h, rung: make(chan struct{}, 1), gone: make(chan struct{})}
}

// ring has the account looked at. It does not wait.
func (p *post) ring() {
	select {
	case p.rung <- struct{}{}:
	default: // it is about to be
	}
}

// keep serves the account whenever there is work, until ctx ends. It looks when the doorbell rang, when the sweep found
// something, and when what it saw last falls due.
func (p *post) keep(ctx context.Context) error {
	for rest := never; p.wait(ctx, rest); {
		now, err := p.client.look(ctx, p.Name)
		p.late.note(ctx, p.Name, err)
		switch {
		case err != nil:
			rest = lookAgain
		case now.next <= 0:
			if err := p.serve(ctx); err != nil {
				return err
			}
			rest = 0 // to see what came while the server stopped
		case now.untidy && p.tidy(ctx):
			rest = 0
		default:
			rest = now.next
		}
	}
	return nil
}

// wait is false once ctx has ended.
func (p *post) wait(ctx context.Context, rest time.Duration) bool {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.rung:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// serve runs a server until it has been idle for a while or ctx ends. In the second case runs have Grace to end by
// themselves, then their contexts end; a run that has not reported a little later is abandoned, and its task goes back to
// the queue. In the first there are none.
func (p *post) serve(ctx context.Context) error {
	p.serving.Add(1)
	defer p.serving.Add(-1)
	stop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	conn := leases{p.rdb, p.Now}
	door := newDoor(conn, func() time.Duration { return p.Apart(p.Name) })
	if _, spread := p.rdb.(*redis.ClusterClient); !spread {
		door.ahead = ahead{leases: conn, account: p.Name, slots: p.Concurrency}
	}
	srv := asynq.NewServerFromRedisClient(door, p.settings())
	if err := srv.Start(&account{post: p, door: door, stop: stop}); err != nil {
		return fmt.Errorf("account %s: %w", p.Name, err)
	}
	p.attend(ctx, door)
	door.stop(ctx)
	grace := time.AfterFunc(p.Grace, cancel)
	defer grace.Stop()
	srv.Shutdown()
	p.guard.forget(queuesOf(p.Name)...)
	return nil
}

func (p *post) settings() asynq.Config {
	return asynq.Config{
		Concurrency:              p.Concurrency,
		Queues:                   map[string]int{nowQueue(p.Name): 2, p.Name: 1},
		StrictPriority:           true,
		TaskCheckInterval:        pollEvery,
		DelayedTaskCheckInterval: ownForwarder,
		JanitorInterval:          time.Hour, // it looks after completed tasks, and none is retained
		ShutdownTimeout:          p.Grace + report,
		RetryDelayFunc:           p.retryDelay,
		IsFailure:                isFailure,
		Logger:                   engineLog{p.Log.With("account", p.Name)},
		LogLevel:                 asynq.InfoLevel,
	}
}

// attend does beside a server what asynq does not, until ctx ends or the server can go.
func (p *post) attend(ctx context.Context, door *door) {
	ticker := time.NewTicker(forwardEvery)
	defer ticker.Stop()
	f := forwarder{Client: p.client, account: p.Name}
	for {
		moved, err := f.tick(ctx)
		if err != nil && ctx.Err() == nil {
			p.Log.DebugContext(ctx, "what is due waits", "account", p.Name, "error", err) // /readyz tells why
		}
		if moved > p.Concurrency {
			ring(ctx, p.rdb, p.Name) // more than this worker takes at once
		}
		p.tidy(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if p.idle(ctx, door) {
			return
		}
	}
}

// idle reports whether the server can go, and if so leaves its door shut. The look comes after that: whatever is enqueued
// later rings after it, and is seen when the server has stopped.
func (p *post) idle(ctx context.Context, door *door) bool {
	if !door.shut(p.idleFor) {
		return false
	}
	now, err := p.client.look(ctx, p.Name)
	if err == nil && now.next > forwardEvery {
		return true
	}
	door.open()
	return false
}

// tidy does the account's housekeeping if it is time for it, and reports whether it changed anything.
func (p *post) tidy(ctx context.Context) bool {
	now := rotation.WallClock{}.Now()
	if now.Sub(p.tidied) < tidyEvery {
		return false
	}
	p.tidied = now
	removed, err := p.client.tidy(ctx, p.Name)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.Log.WarnContext(ctx, "housekeeping of a queue is late", "account", p.Name, "error", err)
	case removed > 0:
		p.Log.WarnContext(ctx, "put back or removed tasks that no worker ran", "account", p.Name, "tasks", removed)
	}
	return removed > 0
}
