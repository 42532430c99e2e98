package rotationtest

import (
	"context"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// testOverlap rotates through the real client and the stand-in, over the model's store and clock, until what was used before
// is retired.
func testOverlap(t *testing.T, h ProviderHarness) {
	t.Helper()
	for _, u := range upsets {
		if u.synced || u.checked {
			continue // of passwords that are set
		}
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			p := &overlapPlay{World: NewWorld(), trial: begin(t, h)}
			p.credential = &rotation.Credential{
				ID: "mail", Account: "acme", Target: h.Target, Place: rotation.Place{Store: "main", Path: "mail/alerts"},
				Verify:  &rotation.Verification{Propagation: time.Minute, Mode: rotation.VerifySMTP},
				Overlap: &rotation.Overlap{Grace: Grace, Owner: p.owner()},
			}
			if p.Login == nil {
				p.credential.Verify.Mode = rotation.VerifyOff
			}
			p.rotateThrough(t, u)
		})
	}
}

// overlapPlay is a World whose provider is a trial's stand-in.
type overlapPlay struct {
	*World
	*trial
	credential *rotation.Credential
}

func (p *overlapPlay) rotateThrough(t *testing.T, u upset) {
	t.Helper()
	persons := p.Standing(t)
	if first := p.finish(t, "one", rotation.ReasonScheduled); first.Status != rotation.Done {
		t.Fatalf("the first rotation ended %v (%v)", first.Status, first.Err)
	}
	if p.owner() == "" { // a person makes room, where there is little
		for id := range persons {
			if err := p.client.Minter.Retire(t.Context(), p.Target, id); err != nil {
				t.Fatal(err)
			}
		}
		persons = nil
	}
	before := p.Current()
	p.Advance(2 * Grace)
	p.finish(t, "a retirement", rotation.ReasonRetire)
	p.Strike(t, u.mishaps...)
	if u.crash != None {
		p.crashOnce(u)
	}
	result := p.finish(t, "two", rotation.ReasonScheduled)
	p.wantUsable(t)
	if u.ended {
		if result.Status != rotation.Ended || p.Journal().State != rotation.Quarantined || p.Current().ID != before.ID {
			t.Errorf("ended %v (%v), want a quarantine", result.Status, result.Err)
		}
		return
	}
	if result.Status != rotation.Done || p.Current().ID == before.ID || p.Journal().State != rotation.Closed {
		t.Fatalf("ended %v (%v), promoted: %v", result.Status, result.Err, p.Current().ID != before.ID)
	}
	p.wantLogin(t, rotation.Identity{ID: before.ID, Username: before.Username, Password: before.Password}, rotation.Works)
	// Everything is retired in the end but what consumers use, and what a person has made.
	for range 3 {
		p.Advance(2 * Grace)
		p.finish(t, "a recheck", rotation.ReasonRecheck)
		p.finish(t, "a retirement", rotation.ReasonRetire)
	}
	stands := p.Standing(t)
	for id := range persons {
		if _, still := stands[id]; !still {
			t.Errorf("%q of a person was retired", id)
		}
		delete(stands, id)
	}
	if len(stands) != 1 || stands[p.Current().ID] == "" {
		t.Errorf("%d identities stand in the end", len(stands))
	}
	p.wantUsable(t)
}

// wantUsable is what all of it is for: what consumers read logs in.
func (p *overlapPlay) wantUsable(t *testing.T) {
	t.Helper()
	now := p.Current()
	p.wantLogin(t, rotation.Identity{ID: now.ID, Username: now.Username, Password: now.Password}, rotation.Works)
	for _, violation := range p.Violations {
		t.Error(violation)
	}
}

func (p *overlapPlay) crashOnce(u upset) {
	op, done := u.crashOp, false
	if op == "" {
		op = "minter.mint"
	}
	p.Decide = func(c Call) Fault {
		if done || c.Op != op {
			return None
		}
		done = true
		return u.crash
	}
}

// finish runs one job as its queue would, in a new process after a crash, until it needs no more runs.
func (p *overlapPlay) finish(t *testing.T, name string, reason rotation.Reason) (result rotation.Result) {
	t.Helper()
	k := &Worker{World: p.World, Name: name}
	job := rotation.Job{Slot: k.Machine().Clock.Now(), Reason: reason}
	for range 20 {
		client := mintedThrough{Worker: k, play: p, t: t, minter: p.open(t, p.Settings).Minter}
		subject := rotation.Subject{Credential: p.credential, Client: rotation.Client{Minter: client}}
		if p.Login != nil {
			subject.Verifier = client
		}
		var crashed bool
		result, crashed = k.Run(t.Context(), subject, job)
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

// mintedThrough is a real client as the model sees it: its calls may crash, and the model learns what was made.
type mintedThrough struct {
	*Worker
	play   *overlapPlay
	t      *testing.T
	minter rotation.Minter
}

func (c mintedThrough) Mint(ctx context.Context, target string, label rotation.Label) (made rotation.Identity, err error) {
	err = c.do(c.Name, "minter.mint", func() (err error) {
		before := c.play.Standing(c.t)
		made, err = c.minter.Mint(ctx, target, label)
		for id, password := range c.play.Standing(c.t) {
			if before[id] == "" {
				c.accepted = append(c.accepted, secret.New(password))
			}
		}
		if !made.Password.IsZero() {
			c.live = made.Password // one that was not shown is an orphan, which consumers never had
		}
		return err
	})
	return made, err
}

func (c mintedThrough) Identities(ctx context.Context, target, owner string, turn func(context.Context) error) (ids []string, err error) {
	if err := turn(ctx); err != nil {
		return nil, err
	}
	err = c.do(c.Name, "minter.list", func() (err error) {
		ids, err = c.minter.Identities(ctx, target, owner, func(context.Context) error { return nil })
		return err
	})
	return ids, err
}

func (c mintedThrough) Retire(ctx context.Context, target, id string) error {
	return c.do(c.Name, "minter.retire", func() error {
		if c.Current().ID == id {
			c.violate("what consumers use is retired")
		}
		return c.minter.Retire(ctx, target, id)
	})
}

func (c mintedThrough) Verify(ctx context.Context, login string, password secret.Value) (verdict rotation.Verdict, err error) {
	err = c.do(c.Name, "verifier.verify", func() (err error) {
		verdict, err = c.play.Login.Verify(ctx, login, password)
		return err
	})
	return verdict, err
}
