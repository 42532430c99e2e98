package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/contacts"
	"keyturn/internal/devenv"
	"keyturn/internal/observe"
	"keyturn/internal/providers"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
	"keyturn/internal/vaultkv"
)

// rig is a worker within this process, made of the same parts as cmd/worker, with a probe in it.
type rig struct {
	*fleet
	cfg      *config.Config
	server   *devenv.Redis
	rdb      redis.UniversalClient
	store    *vaultkv.Vault
	engine   *app.Engine
	subjects *app.Subjects
	metrics  *observe.Metrics
	tracer   *tracing.Tracer // nil: rotations are not traced
	probe    *probe
	trips    *roundTrips
	log      *slog.Logger
	logFile  *os.File

	rotated chan struct{} // gets one for every rotation that ended well
	busy    atomic.Int64  // ns that runs took so far
	stop    context.CancelFunc
	ended   chan error
}

// rig prepares everything up to the start of the worker. What has been started is ended again if anything fails.
func (l *lab) rig(ctx context.Context, p plan) (r *rig, err error) {
	r = &rig{rotated: make(chan struct{}, 1<<20)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.fleet, err = l.fleet(p); err != nil {
		return r, err
	}
	if r.server, err = devenv.StartRedis(ctx, devenv.RedisOptions{}); err != nil {
		return r, err
	}
	if err := r.configure(r.server.Addr); err != nil {
		return r, err
	}
	if r.cfg, err = config.Load(r.Config(), providers.All()); err != nil {
		return r, err
	}
	if r.rdb, err = app.Redis(ctx, r.cfg); err != nil {
		return r, err
	}
	r.trips = &roundTrips{}
	r.rdb.AddHook(r.trips)
	if r.store, err = app.Vault(ctx, r.cfg, vaultkv.ReadWrite, nil); err != nil {
		return r, err
	}
	if r.logFile, err = os.Create(r.file("worker.log")); err != nil {
		return r, err
	}
	r.log, r.metrics = observe.NewLogger(r.logFile, slog.LevelInfo), observe.NewMetrics()
	if r.engine, err = app.NewEngine(ctx, r.cfg, r.rdb, r.store, r.metrics, r.log); err != nil {
		return r, err
	}
	r.probe = tap(r.engine.Machine, r.metrics)
	r.subjects, err = app.NewSubjects(ctx, r.cfg, r.store.ReadField, app.Mail{Redis: r.rdb, Secrets: r.store, Metrics: r.metrics, Log: r.log})
	return r, err
}

// prepare makes the first n credentials what a fleet in service is: known to the provider, with a password in Vault.
func (r *rig) prepare(ctx context.Context, n int) error {
	if err := r.know(ctx, n); err != nil {
		return err
	}
	return each(ctx, n, 16, r.write)
}

// write puts the password of a credential into Vault, as it was before.
func (r *rig) write(ctx context.Context, i int) error {
	fields := map[string]string{"username": r.target(i), "password": "as-it-was-before", "owner": "bench"}
	return r.lab.Vault.Write(ctx, "secret/data/"+r.path(i), fields)
}

// enqueue puts jobs for the credentials from first up to end into the queue, as the scheduler does.
func (r *rig) enqueue(ctx context.Context, first, end int) error {
	slot, err := r.engine.Client.Now(ctx)
	if err != nil {
		return err
	}
	return each(ctx, end-first, 16, func(ctx context.Context, i int) error {
		return r.engine.Client.Enqueue(ctx, r.account(first+i), r.id(first+i), slot, rotation.ReasonScheduled, false)
	})
}

// start starts the worker.
func (r *rig) start(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	server := queue.NewServer(r.rdb) //nolint:contextcheck // it goes by the context of Serve
	server.Breaker, server.Observer, server.Log, server.Now, server.Apart = r.engine.Breaker, r.metrics, r.log, r.engine.Clock.Now, r.engine.Apart
	server.Tracer = r.tracer
	accounts := make([]queue.AccountSettings, 0, len(r.cfg.Accounts))
	for name, a := range r.cfg.Accounts {
		accounts = append(accounts, queue.AccountSettings{Name: name, Concurrency: a.Concurrency, Timeout: r.cfg.Timing.TaskTimeout, Grace: r.engine.Machine.Timing.Call + 5*time.Second})
	}
	r.ended = make(chan error, 1)
	if err := server.Use(accounts); err != nil {
		r.ended <- err
		return
	}
	go func() { r.ended <- server.Serve(ctx, r) }()
}

// patience is how long n rotations may take before something must be wrong.
const patience = 5 * time.Minute

var errSlow = errors.New("the rotations do not end")

// await waits until n more rotations have ended well.
func (r *rig) await(ctx context.Context, n int) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for i := range n {
		select {
		case <-r.rotated:
		case <-timer.C:
			return fmt.Errorf("%w: %d of %d did", errSlow, i, n)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// halt stops the worker, if it runs.
func (r *rig) halt() error {
	if r.stop == nil {
		return nil
	}
	r.stop()
	r.stop = nil
	return <-r.ended
}

func (r *rig) close() error {
	problems := []error{r.halt()}
	if r.store != nil {
		r.store.Close()
	}
	if r.rdb != nil {
		problems = append(problems, r.rdb.Close())
	}
	if r.logFile != nil {
		problems = append(problems, r.logFile.Close())
	}
	if r.server != nil {
		problems = append(problems, r.server.Stop())
	}
	return errors.Join(problems...)
}

// Rotate implements queue.Handler as cmd/worker does.
func (r *rig) Rotate(ctx context.Context, job queue.Job) rotation.Result {
	cred, ok := r.cfg.Credential(job.Credential)
	if !ok {
		return rotation.Result{Status: rotation.Failed, Err: queue.ErrUnknown}
	}
	subject, err := r.subjects.Of(cred)
	if err != nil {
		return rotation.Result{Status: rotation.Failed, Err: err}
	}
	start := time.Now()
	result := r.engine.Machine.Rotate(ctx, subject, job.Job)
	r.busy.Add(int64(time.Since(start)))
	if result.Status == rotation.Done && result.Rotated {
		r.rotated <- struct{}{}
	}
	return result
}

// Check implements queue.Handler; nothing asks for it here.
func (r *rig) Check(context.Context, queue.Job) rotation.Result {
	return rotation.Result{Status: rotation.Done}
}

// Act implements queue.Handler; nothing asks for it here.
func (r *rig) Act(context.Context, queue.Job) rotation.Result {
	return rotation.Result{Status: rotation.Done}
}

// Tell implements queue.Handler; nothing asks for it here.
func (r *rig) Tell(context.Context, queue.Job) rotation.Result {
	return rotation.Result{Status: rotation.Done}
}

// Contacts implements queue.Handler; nothing asks for it here.
func (r *rig) Contacts(context.Context, queue.Job) contacts.Result {
	return contacts.Result{Status: contacts.Done}
}

// roundTrips counts how often a process waited for Redis. A pipeline is one round trip.
type roundTrips struct{ n atomic.Int64 }

// DialHook implements redis.Hook.
func (t *roundTrips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements redis.Hook.
func (t *roundTrips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		t.n.Add(1)
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements redis.Hook.
func (t *roundTrips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		t.n.Add(1)
		return next(ctx, cmds)
	}
}
