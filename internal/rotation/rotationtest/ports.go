package rotationtest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Worker is one process's view of a World: all ports of the state machine, each call of which may fail.
type Worker struct {
	*World
	Name string
}

// Machine returns a state machine that works in this world.
func (k *Worker) Machine() *rotation.Machine {
	return &rotation.Machine{
		Journals: journals{k}, Secrets: secrets{k}, Limiter: limiter{k}, Agenda: agenda{k}, Notices: notices{k}, Clock: clock{k},
		Observer: observer{k}, Log: slog.New(slog.DiscardHandler), Owner: k.Name,
		NewID: func() string {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.ids++
			return fmt.Sprintf("rotation-%d", k.ids)
		},
		Generate: func(*policy.Policy, ...string) (secret.Value, error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.newPassword(), nil
		},
		Timing: rotation.Timing{Call: 5 * time.Second, Resume: 15 * time.Second, MinInterval: time.Minute, Recheck: time.Minute},
	}
}

// Setter returns a subject whose provider takes passwords; verified says whether a verifier is set.
func (k *Worker) Setter(verified bool) rotation.Subject {
	return k.subject(rotation.Client{Setter: provider{k}}, verified)
}

// Issuer returns a subject whose provider makes passwords.
func (k *Worker) Issuer(verified bool) rotation.Subject {
	return k.subject(rotation.Client{Issuer: provider{k}}, verified)
}

func (k *Worker) subject(client rotation.Client, verified bool) rotation.Subject {
	s := rotation.Subject{Client: client, Credential: &rotation.Credential{
		ID: "mail", Account: "acme", Target: "alerts@example.com", Place: rotation.Place{Store: "main", Path: "mail/alerts"},
		Verify: &rotation.Verification{Propagation: 30 * time.Second},
	}}
	if verified {
		s.Credential.Verify.Mode = rotation.VerifySMTP
		s.Verifier = provider{k}
	}
	return s
}

// Run runs one job; a crash ends it with a zero Result and true.
func (k *Worker) Run(ctx context.Context, s rotation.Subject, job rotation.Job) (result rotation.Result, crashed bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(Crash); !ok {
				panic(p)
			}
			result, crashed = rotation.Result{}, true
		}
	}()
	switch job.Reason {
	case rotation.ReasonRecheck, rotation.ReasonReplaced:
		return k.Machine().Check(ctx, s, job), false
	default:
		return k.Machine().Rotate(ctx, s, job), false
	}
}

type journals struct{ *Worker }

func (j journals) Load(ctx context.Context, _ *rotation.Credential) (rec rotation.Record, err error) {
	err = j.do(j.Name, "journals.load", func() error {
		rec = j.Journal()
		if j.unheard(j.journalAt) {
			rec = rotation.Record{}
			if n := len(j.journal); n > 1 {
				rec = j.journal[n-2]
			}
		}
		rec.Candidates = slices.Clone(rec.Candidates)
		return ctxErr(ctx)
	})
	return rec, err
}

func (j journals) Save(ctx context.Context, _ *rotation.Credential, rec rotation.Record, cas int) (version int, err error) {
	err = j.do(j.Name, "journals.save", func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if cas != len(j.journal) || j.unheard(j.journalAt) {
			return rotation.ErrStale
		}
		rec.Version, j.journalAt = cas+1, j.now
		rec.Candidates = slices.Clone(rec.Candidates)
		j.journal = append(j.journal, rec)
		version = rec.Version
		return nil
	})
	return version, err
}

type secrets struct{ *Worker }

func (s secrets) Read(ctx context.Context, _ rotation.Place) (e rotation.Entry, err error) {
	err = s.do(s.Name, "secrets.read", func() error {
		e = s.Current()
		if n := len(s.current); n > 1 && s.unheard(s.currentAt) {
			e = s.current[n-2]
		}
		return ctxErr(ctx)
	})
	return e, err
}

func (s secrets) Password(ctx context.Context, _ rotation.Place, version int) (v secret.Value, err error) {
	err = s.do(s.Name, "secrets.password", func() error {
		if version <= len(s.current) {
			v = s.current[version-1].Password
		}
		return ctxErr(ctx)
	})
	return v, err
}

func (s secrets) Write(ctx context.Context, _ rotation.Place, e rotation.Entry) error {
	return s.do(s.Name, "secrets.write", func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e.Version != len(s.current) || s.unheard(s.currentAt) {
			return rotation.ErrStale
		}
		if !s.everAccepted(e.Password) {
			s.violate("consumers read a password that the provider never accepted")
		}
		e.Version, e.CreatedAt = e.Version+1, s.now
		s.current, s.currentAt = append(s.current, e), s.now
		return nil
	})
}

func (s secrets) Fence(ctx context.Context, _ rotation.Place, e rotation.Entry) error {
	return s.do(s.Name, "secrets.fence", func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e.Version != len(s.current) || s.unheard(s.currentAt) {
			return rotation.ErrStale
		}
		e.Version, e.CreatedAt, e.Deleted = e.Version+1, s.now, false
		s.current, s.currentAt = append(s.current, e), s.now
		return nil
	})
}

type limiter struct{ *Worker }

func (l limiter) Take(ctx context.Context, _ string, _ int, _ bool) (rotation.Turns, error) {
	return turns(l), l.do(l.Name, "limiter.take", func() error { return ctxErr(ctx) })
}

type turns struct{ *Worker }

func (t turns) Await(ctx context.Context, _ int) error {
	return t.do(t.Name, "turns.await", func() error { return ctxErr(ctx) })
}

func (l limiter) Penalise(context.Context, string, time.Duration) error {
	return l.do(l.Name, "limiter.penalise", func() error { return nil })
}

type agenda struct{ *Worker }

func (a agenda) Hold(_ context.Context, _ *rotation.Credential, quiet time.Duration, force bool) error {
	return a.do(a.Name, "agenda.hold", func() error {
		if rest := a.heldUntil.Sub(a.now); rest > 0 && !force {
			return &rotation.WaitError{After: rest, Reason: "held"}
		}
		a.heldUntil = a.now.Add(quiet)
		return nil
	})
}

func (a agenda) Park(context.Context, *rotation.Credential, time.Duration) error {
	return a.do(a.Name, "agenda.park", func() error { a.heldUntil = time.Time{}; return nil })
}

func (a agenda) Settle(_ context.Context, _ *rotation.Credential, end rotation.Ending) error {
	return a.do(a.Name, "agenda.settle", func() error {
		a.heldUntil = time.Time{}
		a.Endings = append(a.Endings, end)
		return nil
	})
}

func (a agenda) Ask(_ context.Context, _ *rotation.Credential, reason rotation.Reason, _ time.Duration) error {
	return a.do(a.Name, "agenda.ask", func() error { a.Asked = append(a.Asked, reason); return nil })
}

func (a agenda) Block(context.Context, string, *rotation.Error) error {
	return a.do(a.Name, "agenda.block", func() error { return nil })
}

// provider is Setter, Issuer and Verifier at once.
type provider struct{ *Worker }

func (p provider) refusal(op string) *rotation.Error {
	if p.Answer == nil {
		return nil
	}
	p.mu.Unlock()
	defer p.mu.Lock()
	return p.Answer(Call{Worker: p.Name, Op: op})
}

func (p provider) Set(_ context.Context, _ string, password secret.Value) error {
	return p.do(p.Name, "setter.set", func() error {
		if e := p.refusal("setter.set"); e != nil {
			return e
		}
		if p.live.Equal(password) {
			return &rotation.Error{Kind: rotation.Repeat, Provider: "model", Op: "Set", Code: "Repeat"}
		}
		if !slices.ContainsFunc(p.Journal().Candidates, func(c rotation.Candidate) bool { return c.Value.Equal(password) }) {
			p.violate("a candidate was sent that the journal does not hold")
		}
		p.live = password
		p.accepted = append(p.accepted, password)
		return nil
	})
}

// answerable reports that a journal holds an intent that has no value yet. It need not be the last entry: the late value of
// an earlier intent may have come after it.
func answerable(rec rotation.Record) bool {
	return slices.ContainsFunc(rec.Candidates, func(intent rotation.Candidate) bool {
		return intent.State == rotation.Intent && !slices.ContainsFunc(rec.Candidates, func(c rotation.Candidate) bool {
			return !c.Value.IsZero() && c.Number == intent.Number
		})
	})
}

func (p provider) Issue(context.Context, string) (issued rotation.Issued, err error) {
	err = p.do(p.Name, "issuer.issue", func() error {
		if e := p.refusal("issuer.issue"); e != nil {
			return e
		}
		if rec := p.Journal(); rec.State != rotation.Open || !answerable(rec) {
			p.violate("a password was issued without an intent in the journal")
		}
		issued = rotation.Issued{Password: p.newPassword(), Synced: true}
		p.live = issued.Password
		p.accepted = append(p.accepted, issued.Password)
		return nil
	})
	if err != nil {
		return rotation.Issued{}, err // a lost reply shows nothing
	}
	return issued, nil
}

func (p provider) Verify(_ context.Context, _ string, password secret.Value) (v rotation.Verdict, err error) {
	err = p.do(p.Name, "verifier.verify", func() error {
		v = rotation.Refused
		if p.live.Equal(password) {
			v = rotation.Works
		}
		return nil
	})
	return v, err
}

type notices struct{ *Worker }

func (n notices) Note(_ context.Context, _ *rotation.Credential, notice rotation.Notice) error {
	return n.do(n.Name, "notices.note", func() error { n.Noticed = append(n.Noticed, notice.Kind); return nil })
}

type clock struct{ *Worker }

func (c clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	c.Advance(d)
	return ctx.Err()
}

type observer struct{ *Worker }

func (observer) Called(*rotation.Credential, string, error, time.Duration) {}

func (observer) Verified(*rotation.Credential, rotation.Verdict, time.Duration) {}

func (observer) Exposed(*rotation.Credential, time.Duration) {}

func (o observer) LostGeneration(*rotation.Credential) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Lost++
}
