package fleetsim

import (
	"context"
	"strings"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// decide lets each call of a credential's world take its time, and says what goes wrong with it.
func (c *cell) decide(call rotationtest.Call) rotationtest.Fault {
	p := c.process(call.Worker)
	if p.dead.Load() {
		return rotationtest.CrashBefore
	}
	<-time.After(c.between(200*time.Microsecond, 2*time.Millisecond, call.Worker+c.cred.ID, call.Op, c.again(call.Worker+c.cred.ID, call.Op)))
	c.At(virtual())
	vault := strings.HasPrefix(call.Op, "journals") || strings.HasPrefix(call.Op, "secrets")
	if p.worker {
		c.happened("%s %s", call.Worker, call.Op)
		if vault {
			c.spend(work{vault: 1})
		}
	}
	switch {
	case p.dead.Load():
		return rotationtest.CrashBefore
	case p.worker && c.on(crashes, c.account.name) && c.oneIn(150, call.Worker, call.Op+c.cred.ID):
		c.excuse(work{sends: 2, logins: 6, vault: 20})
		c.happened("fault: %s is killed", call.Worker)
		p.kill("a crash at " + call.Op)
		return []rotationtest.Fault{rotationtest.CrashBefore, rotationtest.CrashAfter}[c.below(2, call.Worker, "when", c.again(call.Worker, "when"))]
	case vault && c.on(vaultAway, ""):
		c.excuse(work{logins: 2, vault: 8})
		return rotationtest.ErrorBefore
	case p.worker && vault && c.on(flaky, c.account.name) && c.oneIn(30, call.Worker, call.Op+c.cred.ID):
		c.excuse(work{sends: 2, logins: 6, vault: 20})
		return []rotationtest.Fault{rotationtest.ErrorBefore, rotationtest.LostReply}[c.below(2, call.Worker, "which", c.again(call.Worker, "which"))]
	case vault && c.on(lagging, c.account.name) && c.oneIn(2, call.Worker, call.Op+c.cred.ID):
		if p.worker {
			c.excuse(work{vault: 4})
		}
		return rotationtest.Lagging
	case p.scheduler != nil && vault && c.on(unreadable, c.account.name):
		return rotationtest.ErrorBefore
	case strings.HasPrefix(call.Op, "setter") || strings.HasPrefix(call.Op, "issuer"):
		return c.answerLost()
	}
	return rotationtest.None
}

// answerLost says what becomes of a provider's answer.
func (c *cell) answerLost() rotationtest.Fault {
	if !c.on(doubts, c.account.name) {
		return rotationtest.None
	}
	faults := []rotationtest.Fault{rotationtest.None, rotationtest.LostReply, rotationtest.ErrorBefore}
	fault := faults[c.below(len(faults), c.cred.ID, "doubt", c.again(c.cred.ID, "doubt"))]
	if fault != rotationtest.None {
		c.excuse(work{rotations: 0, sends: 1, logins: 4, vault: 6})
	}
	return fault
}

// journals is rotation.Journals of the fleet.
type journals struct{ *process }

// Load implements rotation.Journals.
func (j journals) Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error) {
	return j.cells[cred.ID].of(j.name).Journals.Load(ctx, cred)
}

// Save implements rotation.Journals.
func (j journals) Save(ctx context.Context, cred *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	c := j.cells[cred.ID]
	before, _, _ := c.Truth()
	version, err := c.of(j.name).Journals.Save(ctx, cred, rec, cas)
	if err == nil {
		c.open.Store(rec.State == rotation.Open)
	}
	if err == nil && before.State == rotation.Closed && rec.State == rotation.Open {
		j.opened(c, rec)
	}
	return version, err
}

// secrets is rotation.Secrets of the fleet.
type secrets struct{ *process }

// at is the credential whose secret stands at a place.
func (s secrets) at(place rotation.Place) rotation.Secrets {
	return s.cells[place.Path].of(s.name).Secrets
}

// Read implements rotation.Secrets.
func (s secrets) Read(ctx context.Context, place rotation.Place) (rotation.Entry, error) {
	return s.at(place).Read(ctx, place)
}

// Password implements rotation.Secrets.
func (s secrets) Password(ctx context.Context, place rotation.Place, version int) (secret.Value, error) {
	return s.at(place).Password(ctx, place, version)
}

// Write implements rotation.Secrets.
func (s secrets) Write(ctx context.Context, place rotation.Place, e rotation.Entry) error {
	return s.at(place).Write(ctx, place, e)
}

// Fence implements rotation.Secrets.
func (s secrets) Fence(ctx context.Context, place rotation.Place, e rotation.Entry) error {
	return s.at(place).Fence(ctx, place, e)
}

// agenda is rotation.Agenda: index, queue and breaker.
type agenda struct {
	shared
	*process
}

// Ask implements rotation.Agenda.
func (a agenda) Ask(ctx context.Context, cred *rotation.Credential, reason rotation.Reason, after time.Duration) error {
	if err := a.reach(ctx, cred.ID, "ask"); err != nil {
		return err
	}
	return a.queue.ask(cred, reason, after)
}

// Block implements rotation.Agenda.
func (a agenda) Block(ctx context.Context, account string, _ *rotation.Error) error {
	if err := a.reach(ctx, account, "block"); err != nil {
		return err
	}
	a.queue.block(account)
	return nil
}

// Settle implements rotation.Agenda.
func (a agenda) Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	a.settled(a.cells[cred.ID], end) // what it tells has happened, whether Redis hears of it or not
	a.variant.settled(a.cells[cred.ID], end)
	return a.shared.Settle(ctx, cred, end)
}

// notices is rotation.Notices.
type notices struct{ *process }

// Note implements rotation.Notices.
func (n notices) Note(ctx context.Context, cred *rotation.Credential, notice rotation.Notice) error {
	if err := n.reach(ctx, cred.ID, "note"); err != nil {
		return err
	}
	n.heard(n.cells[cred.ID], notice)
	return nil
}

// observer is rotation.Observer.
type observer struct{ *process }

// Called implements rotation.Observer.
func (observer) Called(*rotation.Credential, string, error, time.Duration) {}

// Verified implements rotation.Observer.
func (o observer) Verified(cred *rotation.Credential, verdict rotation.Verdict, _ time.Duration) {
	o.cells[cred.ID].happened("%s verifier: %s", o.name, verdict)
}

// Exposed implements rotation.Observer.
func (observer) Exposed(*rotation.Credential, time.Duration) {}

// LostGeneration implements rotation.Observer.
func (observer) LostGeneration(*rotation.Credential) {}
