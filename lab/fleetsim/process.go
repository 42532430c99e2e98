package fleetsim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/policy"
	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
	"keyturn/internal/secret"
	"keyturn/internal/smtpauth"
)

// process is one that lives until it is killed; another one takes its place.
type process struct {
	*Sim
	name      string
	worker    bool
	dead      atomic.Bool
	config    *configured
	machine   *rotation.Machine
	servers   []*smtpauth.Server
	running   map[string]int // of a worker, by account; the queue's lock guards it
	scheduler *due.Scheduler
	stop      context.CancelFunc
}

// The times of a process, as shipped.
const (
	callTime    = 10 * time.Second
	taskTime    = time.Minute
	resumeAfter = 15 * time.Second
	interval    = 2 * time.Minute
	recheck     = 2 * time.Minute
)

// startWorker starts a worker, and has it take jobs.
func (s *Sim) startWorker(name string, off time.Duration) (*process, error) {
	p := &process{Sim: s, name: name, worker: true, config: &s.config, running: map[string]int{}}
	rates := map[string][]rotation.Rate{}
	for _, a := range s.accounts {
		rates[a.name] = []rotation.Rate{a.rate}
	}
	limiter, err := ratelimit.NewOn(slots{p}, ownClock{off}, rates, 0)
	if err != nil {
		return nil, err
	}
	for _, server := range s.servers {
		asked, err := smtpauth.New(smtpauth.Config{
			Addr: server.address, TLS: smtpauth.ImplicitTLS, CA: s.authority, Dial: server.dial(p), Ledger: ledger{p, server},
			Witness: p.witness(server), Now: ownClock{off}.Now,
			Sick: func(_ context.Context, sick bool) { server.told(sick) },
		})
		if err != nil {
			return nil, err
		}
		p.servers = append(p.servers, asked)
	}
	p.machine = &rotation.Machine{
		Journals: s.variant.journals(p, journals{p}), Secrets: secrets{p}, Limiter: limiter, Agenda: agenda{shared{p, s.index}, p}, Notices: notices{p},
		Clock: s.variant.clock(p, redisClock{s}), Observer: observer{p}, Log: slog.New(slog.DiscardHandler), Owner: name,
		NewID: func() string { return fmt.Sprint("rotation-", s.ids.Add(1)) },
		Generate: func(_ *policy.Policy, about ...string) (secret.Value, error) {
			return s.cells[about[len(about)-1]].of(name).Generate(nil)
		},
		Timing: rotation.Timing{Call: callTime, Resume: resumeAfter, MinInterval: interval, Recheck: recheck},
	}
	s.mu.Lock()
	s.processes[name] = p
	s.mu.Unlock()
	if name != operator { // a command takes no jobs
		s.queue.join(p)
	}
	return p, nil
}

// The processes that are not killed: witness reads what vouches for a server, which is no work of the credential's own;
// operator is a person's command.
const (
	witness  = "witness"
	operator = "ops"
)

// witness finds other logins at a server.
func (p *process) witness(server *mailServer) smtpauth.Witness {
	return func(ctx context.Context, id string) (string, secret.Value, error) {
		c, ok := p.cells[id]
		if !ok || c.server != server {
			return "", secret.Value{}, smtpauth.ErrNoWitness
		}
		if p.dead.Load() {
			panic(errDead)
		}
		entry, err := c.of(witness).Secrets.Read(ctx, c.cred.Place)
		return c.cred.Login(), entry.Password, err
	}
}

// startScheduler starts a scheduler with the rounds of drift checks.
func (s *Sim) startScheduler(name string) (*process, error) {
	p := &process{Sim: s, name: name, config: &s.config}
	straight := func(d time.Duration) time.Duration { return d }
	clock := func(part string) rotation.Clock { return loopClock{redisClock{s}, name + part} }
	accounts := make([]due.Account, len(s.accounts))
	for i, a := range s.accounts {
		const admitted, least = 2 * time.Minute, 10
		accounts[i] = due.Account{Name: a.name, Capacity: max(least, int(float64(a.rate.Requests)*admitted.Seconds()/a.rate.Per.Seconds()))}
	}
	p.scheduler = &due.Scheduler{
		Index: shared{p, s.index}, Queue: port{p}, Truth: s.variant.truth(p, due.Truth{Journals: journals{p}, Secrets: secrets{p}}),
		Clock: clock(""), Notices: notices{p}, Log: slog.New(slog.DiscardHandler), Jitter: straight,
		Freezes: thawed{}, Remind: func(context.Context, []due.Reminder) error { return nil },
	}
	checks := &due.Rounds{
		Name: "check", Index: shared{p, s.index}, Enqueue: port{p}.enqueueCheck, Clock: clock("check"), Log: slog.New(slog.DiscardHandler),
		Jitter: straight,
	}
	often, err := schedule.Parse(schedule.Spec{Every: "3d"})
	if err != nil {
		return nil, err
	}
	use := func(inv *inventory) {
		p.scheduler.Use(inv, due.Load{Accounts: accounts, Resume: resumeAfter})
		checks.Use(due.Plan{Subjects: slices.Values(inv.creds), When: func(c *rotation.Credential) *schedule.Schedule {
			if c.Verify.Mode == rotation.VerifyOff {
				return nil
			}
			return often
		}})
	}
	use(s.config.Load())
	ctx, stop := context.WithCancel(s.ctx)
	p.stop = stop
	s.mu.Lock()
	s.processes[name] = p
	s.reloads[name] = use
	s.mu.Unlock()
	s.running.Go(func() { p.scheduler.Run(ctx) })
	s.running.Go(func() { checks.Run(ctx) })
	return p, nil
}

// thawed is a fleet of which nothing is frozen.
type thawed struct{}

func (thawed) Frozen(*rotation.Credential, time.Time) bool { return false }

func (thawed) AllFrozen(string, time.Time) bool { return false }

// kill ends a process where it stands. A new one takes its place after a few seconds.
func (p *process) kill(why string) {
	if p.dead.Swap(true) {
		return
	}
	p.alerted()
	n := p.again(p.name, "killed")
	p.queue.orphan(p)
	if p.stop != nil {
		p.stop()
	}
	s := p.Sim
	s.running.Go(func() {
		s.log("%s is killed: %s", p.name, why)
		if sleep(s.ctx, s.between(2*time.Second, 30*time.Second, p.name, "restart", n)) != nil {
			return
		}
		next, _, _ := cutName(p.name)
		next = fmt.Sprintf("%s/%d", next, n)
		var err error
		if p.worker {
			_, err = s.startWorker(next, s.skewOf(next))
		} else {
			_, err = s.startScheduler(next)
		}
		if err != nil {
			s.broken(err)
		}
	})
}

// run runs one job, in a goroutine of its own.
func (p *process) run(ctx context.Context, t *task) {
	defer func() {
		switch x := recover(); x.(type) {
		case nil:
		default:
			if !p.dead.Load() {
				panic(x)
			}
		}
	}()
	if p.pass(ctx, 100*time.Microsecond, time.Millisecond, p.name+t.id, "take a job") != nil || p.dead.Load() {
		return
	}
	cred, ok := p.config.Load().Credential(t.cred)
	if !ok {
		p.queue.done(p, t, rotation.Result{Status: rotation.Waiting, After: 30 * time.Second})
		return
	}
	c := p.cells[t.cred]
	c.happened("%s begins to %s (%s)", p.name, t.kind, t.job.Reason)
	subject := c.subject(p, cred)
	ctx, cancel := context.WithTimeout(ctx, taskTime)
	defer cancel()
	do := p.machine.Rotate
	if t.kind == check {
		do = p.machine.Check
	}
	result := p.variant.run(p, c, t, func(job rotation.Job) rotation.Result { return do(ctx, subject, job) })
	if p.dead.Load() {
		return
	}
	c.ended(t, result)
	p.queue.done(p, t, result)
}

// subject is what acts on the credential in a process, as it is configured.
func (c *cell) subject(p *process, cred *rotation.Credential) rotation.Subject {
	view := c.of(p.name)
	s := rotation.Subject{Credential: cred}
	if c.account.issuer {
		s.Client.Issuer = provider{c, p, view.provider}
	} else {
		s.Client.Setter = provider{c, p, view.provider}
	}
	switch cred.Verify.Mode {
	case rotation.VerifySMTP:
		s.Verifier = c.variant.verifier(p, c, counting{p.servers[c.account.server].For(cred.ID), c})
	case rotation.VerifyProvider:
		s.Verifier = readBack{c, view.verifier}
	case rotation.VerifyOff:
	}
	return s
}

// ended notes how a run ended, and excuses the work of a wish that has to be tried again.
func (c *cell) ended(t *task, result rotation.Result) {
	c.happened("%s ends: %s after %s: %v", t.kind, result.Status, result.After, result.Err)
	c.granted(t, result)
	switch result.Status {
	case rotation.Waiting, rotation.Failed, rotation.Replaced:
		more := work{logins: 2, vault: 6}
		var refused *rotation.Error
		if errors.As(result.Err, &refused) && !c.counts(refused) && result.After >= 10*time.Second {
			more.sends = 1
		}
		c.excuse(more)
	default:
	}
}

// counts reports whether an answer of the provider leads anywhere (docs/protocol.md, bounds). An issuer has no candidates for a
// rule to refuse.
func (c *cell) counts(refused *rotation.Error) bool {
	switch refused.Kind {
	case rotation.InDoubt, rotation.Unavailable:
		return false
	case rotation.Rejected:
		return !c.account.issuer
	default:
		return true
	}
}
