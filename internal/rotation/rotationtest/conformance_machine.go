package rotationtest

import (
	"context"
	"testing"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// upset is what goes wrong while the state machine rotates.
type upset struct {
	name    string
	mishaps []Mishap
	crash   Fault  // a process dies at crashOp, and another one takes over
	crashOp string // "" means the provider call
	ended   bool   // it ends in quarantine, and consumers keep the live password
	synced  bool   // exists only where an Issuer says whether its password is live
	checked bool   // exists only where there is a verifier
}

var upsets = []upset{
	{name: "nothing"},
	{name: "a lost request", mishaps: []Mishap{{Kind: "lose_request"}}},
	{name: "a lost reply", mishaps: []Mishap{{Kind: "lose_reply"}}},
	{name: "three lost replies", mishaps: []Mishap{{Kind: "lose_reply", Times: 3}}},
	{name: "more lost replies than one run sits out", mishaps: []Mishap{{Kind: "lose_reply", Times: 5}}},
	{name: "an error before", mishaps: []Mishap{{Kind: "server_error"}}},
	{name: "an error after", mishaps: []Mishap{{Kind: "server_error", When: "after"}}},
	{name: "a proxy's page after", mishaps: []Mishap{{Kind: "html", When: "after"}}},
	{name: "a truncated reply", mishaps: []Mishap{{Kind: "truncated"}}},
	{name: "too many requests", mishaps: []Mishap{{Kind: "rate_limit", Times: 2}}},
	{name: "a refused key", mishaps: []Mishap{{Kind: "unauthorized"}}},
	{name: "an outage", mishaps: []Mishap{{Kind: "unavailable"}}},
	{name: "a refused password", mishaps: []Mishap{{Kind: "reject"}}},
	{name: "a repeat without reason", mishaps: []Mishap{{Kind: "repeat"}}},
	{name: "an unknown target", mishaps: []Mishap{{Kind: "not_found"}}, ended: true},
	{name: "a lost reply and a refused key", mishaps: []Mishap{{Kind: "lose_reply"}, {Kind: "unauthorized"}}},
	{name: "slow propagation", mishaps: []Mishap{{Kind: "propagation"}}, checked: true},
	{name: "not synced", mishaps: []Mishap{{Kind: "not_synced"}}, synced: true},
	{name: "a crash before the call", crash: CrashBefore},
	{name: "a crash after the call", crash: CrashAfter},
	{name: "a crash after the call and a lost reply", crash: CrashAfter, mishaps: []Mishap{{Kind: "lose_reply", Times: 2}}},
	{name: "a crash before the promotion", crash: CrashBefore, crashOp: "secrets.write"},
	{name: "a crash after the promotion", crash: CrashAfter, crashOp: "secrets.write"},
}

// testMachine rotates through the real client and the stand-in, over the model's store and clock. The model checks
// its invariants against the password that the stand-in really has.
func testMachine(t *testing.T, h ProviderHarness) {
	t.Helper()
	for _, verified := range []bool{false, true} {
		for _, u := range upsets {
			if (u.synced && !h.TellsSynced) || (u.checked && !verified) {
				continue
			}
			name := u.name
			if verified {
				name += ", verified"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				newPlay(t, h, verified).rotateThrough(t, u)
			})
		}
	}
}

// play is a World whose provider is a trial's stand-in.
type play struct {
	*World
	*trial
	start      time.Time
	credential *rotation.Credential
	verified   bool
}

func newPlay(t *testing.T, h ProviderHarness, verified bool) *play {
	t.Helper()
	p := &play{World: NewWorld(), trial: begin(t, h), verified: verified}
	p.start = p.now
	p.Change(t, Old.Reveal())
	p.credential = &rotation.Credential{
		ID: "mail", Account: "acme", Target: h.Target, Place: rotation.Place{Store: "main", Path: "mail/alerts"},
		Policy: p.policy, Verify: &rotation.Verification{Propagation: time.Minute},
	}
	if verified {
		p.credential.Verify.Mode = rotation.VerifySMTP
		if h.ReadBack {
			p.credential.Verify.Mode = rotation.VerifyProvider
		}
	}
	return p
}

func (p *play) rotateThrough(t *testing.T, u upset) {
	t.Helper()
	p.Strike(t, u.mishaps...)
	if u.crash != None {
		p.crashOnce(u)
	}
	result := p.finish(t, "one")
	p.wantPromoted(t, u)
	if u.ended {
		if result.Status != rotation.Ended || p.Journal().State != rotation.Quarantined {
			t.Errorf("ended %v (%v), want a quarantine", result.Status, result.Err)
		}
		return
	}
	if result.Status != rotation.Done || p.Current().Password.Equal(Old) {
		t.Fatalf("ended %v (%v), promoted: %v", result.Status, result.Err, !p.Current().Password.Equal(Old))
	}
	// Whatever happened, the next slot finds a clean journal.
	p.Advance(2 * time.Minute)
	before := p.Current().Password
	if result := p.finish(t, "three"); result.Status != rotation.Done || p.Current().Password.Equal(before) {
		t.Errorf("the next rotation: %v (%v)", result.Status, result.Err)
	}
	p.wantPromoted(t, upset{})
}

// wantPromoted is what all of it is for: consumers read the password that is live, and it logs in.
func (p *play) wantPromoted(t *testing.T, u upset) {
	t.Helper()
	live, _ := p.State(t)
	if !p.Current().Password.Equal(secret.New(live)) {
		t.Error("consumers read another password than the live one")
	}
	if got := p.Current().Verified; p.verified && !u.ended && got != rotation.VerifiedYes {
		t.Errorf("promoted as %q, want it verified", got)
	}
	if state := p.Journal().State; !u.ended && state != rotation.Closed {
		t.Errorf("the journal is left in state %d", state)
	}
	p.Ahead(p.now.Sub(p.start))
	if verdict, err := p.verifier().Verify(t.Context(), p.Target, p.Current().Password); verdict != rotation.Works {
		t.Errorf("what consumers read is answered %q (%v)", verdict, err)
	}
	for _, violation := range p.Violations {
		t.Error(violation)
	}
}

// crashOnce lets the first process die.
func (p *play) crashOnce(u upset) {
	op, done := u.crashOp, false
	p.Decide = func(c Call) Fault {
		if done || (c.Op != op && (op != "" || (c.Op != "setter.set" && c.Op != "issuer.issue"))) {
			return None
		}
		done = true
		return u.crash
	}
}

// finish runs one job as its queue would, in a new process after a crash, until it needs no more runs.
func (p *play) finish(t *testing.T, name string) (result rotation.Result) {
	t.Helper()
	k := &Worker{World: p.World, Name: name}
	job := rotation.Job{Slot: k.Machine().Clock.Now(), Reason: rotation.ReasonScheduled}
	for range 20 {
		var crashed bool
		result, crashed = p.run(t.Context(), t, k, job)
		switch {
		case crashed:
			k = &Worker{World: p.World, Name: name + "'s successor"}
			p.Advance(time.Minute)
		case result.Status == rotation.Done, result.Status == rotation.Ended:
			return result
		default:
			p.Advance(max(result.After, time.Second))
		}
	}
	return result
}

func (p *play) run(ctx context.Context, t *testing.T, k *Worker, job rotation.Job) (result rotation.Result, crashed bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if _, crashed = r.(Crash); !crashed {
				panic(r)
			}
		}
	}()
	machine := k.Machine()
	machine.Generate = func(policy *policy.Policy, forbid ...string) (secret.Value, error) {
		return policy.Generate(nil, forbid...)
	}
	client := through{Worker: k, play: p, t: t, client: p.open(t, p.Settings)}
	subject := rotation.Subject{Credential: p.credential}
	if client.client.Issuer != nil {
		subject.Client.Issuer = client
	} else {
		subject.Client.Setter = client
	}
	if p.verified {
		subject.Verifier = client
	}
	return machine.Rotate(ctx, subject, job), false
}

// through is a real client as the model sees it: its calls may crash, the stand-in's clock follows the model's, and
// the model learns which password is live.
type through struct {
	*Worker
	play   *play
	t      *testing.T
	client rotation.Client
}

func (c through) Set(ctx context.Context, target string, password secret.Value) error {
	return c.call("setter.set", func() error { return c.client.Setter.Set(ctx, target, password) })
}

func (c through) Issue(ctx context.Context, target string) (issued rotation.Issued, err error) {
	err = c.call("issuer.issue", func() (err error) {
		issued, err = c.client.Issuer.Issue(ctx, target)
		return err
	})
	return issued, err
}

func (c through) Verify(ctx context.Context, target string, password secret.Value) (verdict rotation.Verdict, err error) {
	err = c.call("verifier.verify", func() (err error) {
		verifier := c.play.Login
		if c.client.ReadBack != nil {
			verifier = c.client.ReadBack
		}
		verdict, err = verifier.Verify(ctx, target, password)
		return err
	})
	return verdict, err
}

// call runs with the model's lock held.
func (c through) call(op string, effect func() error) error {
	return c.do(c.Name, op, func() error {
		c.play.Ahead(c.now.Sub(c.play.start))
		err := effect()
		if live, _ := c.play.State(c.t); live != c.live.Reveal() {
			c.live = secret.New(live)
			c.accepted = append(c.accepted, c.live)
		}
		return err
	})
}
