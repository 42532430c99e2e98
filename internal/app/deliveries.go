package app

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/certs"
	"keyturn/internal/command"
	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/outbox"
	"keyturn/internal/queue"
	"keyturn/internal/rollout"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/webhook"
)

// Dispatcher hands what happens on to the sinks of the configuration in force.
func (p *Process) Dispatcher(e *Engine) *outbox.Dispatcher {
	return &outbox.Dispatcher{
		Box: outbox.New(p.Redis), Clock: e.Clock, Log: p.Log,
		Read: func(ctx context.Context, after string, n int64, wait time.Duration) ([]outbox.Event, error) {
			some, err := e.Index.Events(ctx, after, n, wait)
			cfg := p.Config()
			desk := operate.For(cfg)
			events := make([]outbox.Event, len(some))
			for i, happened := range some {
				events[i] = outbox.Event{ID: happened.ID, To: route(cfg, desk.Event(happened))}
			}
			return events, err
		},
		Ring: func(ctx context.Context, place outbox.Place) error {
			return e.Client.EnqueueTell(ctx, place.Sink, place.Subject, false)
		},
		Sinks: func() []string { return Sinks(p.Config()) }, Commands: func() []string { return commandSinks(p.Config()) },
		Unserved: e.Index.NoteUnserved,
	}
}

// Remind is due.Scheduler.Remind: where nothing is told to anyone, there is nothing to tell again.
func (p *Process) Remind(index *due.Index) func(context.Context, []due.Reminder) error {
	return func(ctx context.Context, all []due.Reminder) error {
		if len(Sinks(p.Config())) == 0 {
			return nil
		}
		return index.Remind(ctx, all)
	}
}

// Deliveries deliver what happened to the sinks of a configuration.
type Deliveries struct {
	Box      *outbox.Box
	Events   *due.Index
	Read     func(ctx context.Context, store, path, field string) (secret.Value, error) // from Vault
	Commands command.Dir                                                                // "": none
	Restart  func(ctx context.Context, workload string, at time.Time) error
	Clock    rotation.Clock
	Log      *slog.Logger

	mu      sync.Mutex
	clients map[string]trusting // by webhook
}

// NewDeliveries makes those of a worker.
func (p *Process) NewDeliveries(rdb redis.UniversalClient, e *Engine, commands command.Dir) *Deliveries {
	return &Deliveries{Box: outbox.New(rdb), Events: e.Index, Read: p.Vault.ReadField, Commands: commands, Restart: restart, Clock: e.Clock, Log: p.Log}
}

// announceEvery is how often a worker says that it runs commands.
const announceEvery = 15 * time.Second

// Announce says that this worker runs commands, if it does, until ctx ends.
func (d *Deliveries) Announce(ctx context.Context) {
	for d.Commands != "" && ctx.Err() == nil {
		_ = d.Box.Commanding(ctx) // it is said again
		_ = rotation.WallClock{}.Sleep(ctx, announceEvery)
	}
}

// A restart waits until no rotation has come for quiet, so that ten secrets cause one, and no longer than atLast.
const (
	quiet  = 10 * time.Second
	atLast = 2 * time.Minute
)

// Tell implements queue.Handler.
func (d *Deliveries) Tell(ctx context.Context, cfg *config.Config, job queue.Job) rotation.Result {
	place := outbox.Place{Sink: job.Account, Subject: job.Credential}
	if place.Sink == restartSink {
		if wait := d.settles(ctx, place); wait > 0 {
			return rotation.Result{Status: rotation.Waiting, After: wait}
		}
	}
	done := d.Box.Drain(ctx, place, place.Sink == restartSink, d.Clock.Now, func(ctx context.Context, id string) error {
		happened, err := d.Events.Event(ctx, id)
		if err != nil {
			return err
		}
		if happened == nil {
			return outbox.ErrGone
		}
		e := operate.For(cfg).Event(*happened)
		if over, err := d.over(ctx, cfg, e); over || err != nil {
			return err
		}
		return d.send(ctx, cfg, place, e)
	})
	if done.Dead > 0 {
		d.Log.LogAttrs(ctx, slog.LevelError, "what happened cannot be told, and is given up", slog.String("to", place.Sink),
			slog.String("about", place.Subject), slog.Int("events", done.Dead), slog.Any("cause", done.Cause))
	}
	switch {
	case done.Err != nil:
		return rotation.Result{Status: rotation.Failed, After: done.After, Err: fmt.Errorf("%s: %w", place.Sink, done.Err)}
	case done.After > 0:
		return rotation.Result{Status: rotation.Waiting, After: done.After}
	}
	return rotation.Result{Status: rotation.Done}
}

// over tells whether a rotation that was noted again was followed by another one meanwhile, which may have been told already.
func (d *Deliveries) over(ctx context.Context, cfg *config.Config, e operate.Event) (bool, error) {
	cred, known := cfg.Credential(e.Credential)
	if !e.Again || e.Type != due.EventRotated || !known {
		return false, nil
	}
	found, err := d.Events.Look(ctx, []*rotation.Credential{cred})
	return err == nil && found[0].Shown.Version > e.Version, err
}

// settles is how long rotations may still come that one restart serves too.
func (d *Deliveries) settles(ctx context.Context, place outbox.Place) time.Duration {
	oldest, newest, err := d.Box.Ends(ctx, place)
	if err != nil || oldest == "" {
		return 0 // Drain says why
	}
	now := d.Clock.Now()
	return min(quiet-now.Sub(outbox.Happened(newest)), atLast-now.Sub(outbox.Happened(oldest)), quiet)
}

// errUnknownSink is a sink that this configuration does not have: another worker's may.
var errUnknownSink = errors.New("the configuration does not have it")

func (d *Deliveries) send(ctx context.Context, cfg *config.Config, to outbox.Place, e operate.Event) error {
	if to.Sink == restartSink {
		workload := strings.ReplaceAll(to.Subject, "@", "/")
		if !slices.Contains(cfg.Notified(config.NotifyRestart), workload) { // an outbox is not ours to trust
			return errUnknownSink
		}
		return d.Restart(ctx, workload, e.At)
	}
	if name, is := strings.CutPrefix(to.Sink, commandSink); is {
		return d.run(ctx, cfg, name, e)
	}
	name, _ := strings.CutPrefix(to.Sink, webhookSink)
	w := cfg.Webhooks[name]
	if w == nil {
		return errUnknownSink
	}
	return d.post(ctx, w, e)
}

// restart has a workload of this pod's cluster restarted.
func restart(ctx context.Context, workload string, at time.Time) error {
	cluster, err := rollout.Here(os.Getenv, rollout.Account)
	if err != nil {
		return err
	}
	return cluster.Restart(ctx, workload, at)
}

func (d *Deliveries) run(ctx context.Context, cfg *config.Config, name string, e operate.Event) error {
	told := command.Rotation{Credential: e.Credential, Version: e.Version, Rotation: e.RotationID}
	if cred, ok := cfg.Credential(e.Credential); ok {
		told.Store, told.Path = cred.Place.Store, cred.Place.Path
	}
	output, err := d.Commands.Run(ctx, name, told)
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelWarn
	}
	d.Log.LogAttrs(ctx, level, "command run", slog.String("command", name), slog.String("credential", e.Credential),
		slog.String("rotation_id", e.RotationID), slog.String("output", output), slog.Any("error", err))
	return err
}

func (d *Deliveries) post(ctx context.Context, w *config.Webhook, e operate.Event) error {
	value, err := w.Secret.Read(ctx, func(ctx context.Context, ref config.VaultRef) (secret.Value, error) {
		return d.Read(ctx, ref.Store, ref.Path, ref.Field)
	})
	if err != nil {
		return fmt.Errorf("its secret: %w", err)
	}
	key, err := webhook.Key(value)
	if err != nil {
		return fmt.Errorf("webhooks.%s.secret: %w", w.Name, err)
	}
	body, err := json.Marshal(Message{Type: e.Type, Timestamp: e.At, Data: e})
	if err != nil {
		return err
	}
	client, err := d.client(w)
	if err != nil {
		return err
	}
	err = client.Send(ctx, w.URL, key, webhook.Message{ID: messageID(e), Body: body})
	if errors.Is(err, webhook.ErrRefused) {
		return errors.Join(err, outbox.ErrFinal)
	}
	return err
}

// client returns the one client of a webhook. A certificate that is replaced makes another one.
func (d *Deliveries) client(w *config.Webhook) (*webhook.Client, error) {
	var roots *x509.CertPool
	if w.CAFile != "" {
		var err error
		if roots, err = certs.Pool(w.CAFile); err != nil {
			return nil, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	has := d.clients[w.Name]
	if has.Client != nil && (has.roots == nil) == (roots == nil) && (roots == nil || has.roots.Equal(roots)) {
		return has.Client, nil
	}
	if has.Client != nil {
		has.Close()
	}
	if d.clients == nil {
		d.clients = map[string]trusting{}
	}
	made := trusting{webhook.NewClient(roots, rotation.WallClock{}.Now), roots}
	d.clients[w.Name] = made
	return made.Client, nil
}

// trusting is a client, and whom it trusts; nil: whom the system does.
type trusting struct {
	*webhook.Client

	roots *x509.CertPool
}

//go:generate go test . -run TheSchemaOfMessages -update

// Message is what a webhook is sent, as Standard Webhooks has it.
type Message struct {
	Type      string        `json:"type"`
	Timestamp time.Time     `json:"timestamp"`
	Data      operate.Event `json:"data"`
}

// messageID is the same for one thing that happened, however often it is noted and sent.
func messageID(e operate.Event) string {
	what := e.ID
	if e.RotationID != "" && (e.Type == due.EventRotated || e.Type == due.EventQuarantined) {
		what = e.Credential + "/" + e.RotationID
	}
	sum := sha256.Sum256([]byte(e.Type + "/" + what))
	return "msg_" + hex.EncodeToString(sum[:16])
}
