package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/contacts"
	"keyturn/internal/due"
	"keyturn/internal/keyuse"
	"keyturn/internal/observe"
	"keyturn/internal/policy"
	"keyturn/internal/queue"
	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// Engine is the state machine of a configuration with its ports in place.
type Engine struct {
	Machine  *rotation.Machine
	Contacts *contacts.Verifier
	Clock    *queue.Clock // Redis's; a long-running process calls its Run
	Index    *due.Index
	Client   *queue.Client
	Breaker  *queue.Breaker
	Quotas   *Quotas
	Tallies  *Tallies // a worker calls its Run
	Keys     *Keyring // a worker's: it calls Use and Run

	limiter *ratelimit.Limiter
}

// NewEngine connects the state machine to Redis and Vault.
func NewEngine(ctx context.Context, cfg *config.Config, rdb redis.UniversalClient, vault *vaultkv.Vault, metrics *observe.Metrics, log *slog.Logger) (*Engine, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	clock, err := queue.NewClock(ctx, rdb, log, nil)
	if err != nil {
		return nil, err
	}
	call := longestCall(cfg)
	limiter, err := ratelimit.New(rdb, rotation.WallClock{}, rates(cfg), longestWait(cfg))
	if err != nil {
		return nil, err
	}
	e := &Engine{
		Clock: clock, Index: due.NewIndex(rdb), Client: queue.NewClient(rdb), Quotas: NewQuotas(limiter, log), limiter: limiter,
	}
	e.Breaker = queue.NewBreaker(rdb, breakerChanged(metrics, log))
	e.Tallies = &Tallies{Observer: metrics, index: e.Index, clock: clock, log: log}
	ledger := &keyuse.Ledger{RDB: rdb, Call: call}
	e.Keys = &Keyring{Breaker: e.Breaker, Uses: newKeyUses(ledger, rotation.WallClock{}), Clock: rotation.WallClock{}, Log: log}
	e.Machine = &rotation.Machine{
		Journals: doubting{tracedJournals{vault}, e.Index}, Secrets: tracedSecrets{vault}, Clock: clock, Log: log,
		Limiter: keyedLimiter{tracedLimiter{limiter}, e.Keys}, Keys: ledger,
		Observer: queue.Witness{Observer: e.Tallies, Breaker: e.Breaker},
		Notices:  observe.Noting{Notices: e.Index, Metrics: metrics},
		Agenda: tracedAgenda{keyedAgenda{
			observe.Counting{Agenda: tallied{queue.Agenda{Index: e.Index, Client: e.Client, Breaker: e.Breaker}, e.Tallies}, Metrics: metrics}, e.Keys,
		}},
		NewID: newID, Generate: generate, Owner: fmt.Sprintf("%s/%d", host, os.Getpid()),
		Timing: timing(cfg), Step: step,
	}
	e.Contacts = &contacts.Verifier{
		Limiter: e.Machine.Limiter, Breaker: e.Machine.Agenda, Notes: e.Index.ContactNotes(), Clock: e.Machine.Clock, Observer: e.Tallies, Log: log,
		Timeout: call,
	}
	return e, nil
}

// Apart is how far apart the calls of an account are while they wait for each other; 0 where none has to.
func (e *Engine) Apart(account string) time.Duration { return e.limiter.Apart(account) }

// With returns the engine that goes by another configuration, whose rates count for both from now on. Runs go on with the
// engine that they began with.
func (e *Engine) With(cfg *config.Config) (*Engine, error) {
	if err := e.limiter.Use(rates(cfg), longestWait(cfg)); err != nil {
		return nil, err
	}
	next, machine, verifier := *e, *e.Machine, *e.Contacts
	machine.Timing, verifier.Timeout = timing(cfg), longestCall(cfg)
	next.Machine, next.Contacts = &machine, &verifier
	return &next, nil
}

func rates(cfg *config.Config) map[string][]rotation.Rate {
	all := make(map[string][]rotation.Rate, len(cfg.Accounts))
	for name, account := range cfg.Accounts {
		all[name] = account.Rates
	}
	return all
}

// longestCall is how long a call of any account may take.
func longestCall(cfg *config.Config) time.Duration {
	call := cfg.Timing.ProviderTimeout
	for _, account := range cfg.Accounts {
		call = max(call, account.Timeout)
	}
	return call
}

// longestWait is how long a run sleeps for its turn: it must still have time for the call.
func longestWait(cfg *config.Config) time.Duration {
	return min(ratelimit.DefaultMaxWait, (cfg.Timing.TaskTimeout-longestCall(cfg))/2)
}

func timing(cfg *config.Config) rotation.Timing {
	return rotation.Timing{
		Call: longestCall(cfg), Resume: cfg.Timing.ResumeAfter, MinInterval: cfg.Timing.MinInterval, Recheck: cfg.Timing.RecheckAfter,
	}
}

// breakerChanged counts and logs the transitions of breakers. One that closes is good news, and no error.
func breakerChanged(metrics *observe.Metrics, log *slog.Logger) func(context.Context, queue.Transition) {
	return func(ctx context.Context, t queue.Transition) {
		metrics.Breaker(t.Account, t.Open)
		level := slog.LevelInfo
		if t.Open {
			level = slog.LevelError
		}
		log.LogAttrs(ctx, level, "the account's breaker changed", slog.String("account", t.Account), slog.Bool("open", t.Open), slog.String("cause", t.Cause))
	}
}

// newID names a rotation. UUIDv7 sorts by time, which helps a reader of logs.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

func generate(p *policy.Policy, forbid ...string) (secret.Value, error) {
	return p.Generate(rand.Reader, forbid...)
}
