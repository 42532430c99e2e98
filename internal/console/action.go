package console

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"keyturn/internal/operate"
)

// action is something that can be asked for about one credential. API and pages have the same ones, in rotatectl's words.
type action struct {
	Name  string
	Role  Role
	Title string // on a button
	Does  string // what it does and what it does not, for people
	// Destroys is what is gone afterwards; "" where nothing is. People and programs repeat the id to confirm it.
	Destroys string
	fits     []operate.State // nil: any
	do       func(d *operate.Desk, ctx context.Context, id string, r operate.Request) (operate.Verdict, error)
}

var actions = []action{
	{
		Name: "rotate", Role: Operator, Title: "Rotate now", do: rotateOne,
		Does: "Asks the workers for a new password before all scheduled work. Programs that cached the old one are refused until they read again.",
		fits: []operate.State{operate.Healthy, operate.Waiting, operate.Deleted, operate.Refused, operate.Unread},
	},
	{
		Name: "check", Role: Operator, Title: "Check", do: (*operate.Desk).Check,
		Does: "Asks the mail server whether the password in Vault logs in. One that does not is rotated.",
		fits: []operate.State{operate.Healthy, operate.Refused, operate.Unread},
	},
	{
		Name: "recover", Role: Operator, Title: "Recover", do: (*operate.Desk).Recover,
		Does: "Tries every password that is still known and promotes the one that works; where none does, it sets a new one.",
		fits: []operate.State{operate.Quarantined, operate.InDoubt},
	},
	{
		Name: "retry", Role: Operator, Title: "Retry", do: (*operate.Desk).Retry,
		Does: "Takes it out of quarantine with all that it has, and goes on as before: for when the cause is mended.",
		fits: []operate.State{operate.Quarantined, operate.InDoubt, operate.Rotating},
	},
	{
		Name: "release", Role: Operator, Title: "Release", do: (*operate.Desk).Release,
		Does: "Takes it out of quarantine with all that it has. A worker goes on when it comes to it.",
		fits: []operate.State{operate.Quarantined},
	},
	{
		Name: "abandon", Role: Admin, Title: "Abandon", do: (*operate.Desk).Abandon,
		Does:     "Closes the rotation and forgets its candidates. What Vault holds for programs stays as it is.",
		Destroys: "the candidates of the open rotation, one of which may be the only copy of the live password",
		fits:     []operate.State{operate.Quarantined, operate.InDoubt, operate.Rotating},
	},
	{
		Name: "hold", Role: Operator, Title: "Keep former identities", do: (*operate.Desk).HoldOn,
		Does: "Has the identities that wait to be retired stay for another grace, because a program still uses one.",
	},
	{
		Name: "retire", Role: Operator, Title: "Retire former identities", do: (*operate.Desk).Retire,
		Does: "Takes away the identities whose grace is over, now instead of with the next check.",
	},
}

func rotateOne(d *operate.Desk, ctx context.Context, id string, r operate.Request) (operate.Verdict, error) { //nolint:revive // as the methods beside it
	verdicts, err := d.Rotate(ctx, []string{id}, r)
	if err != nil {
		return operate.Verdict{}, err
	}
	return verdicts[0], nil
}

// actionOf finds an action by its name.
func actionOf(name string) (action, bool) {
	i := slices.IndexFunc(actions, func(a action) bool { return a.Name == name })
	if i < 0 {
		return action{}, false
	}
	return actions[i], true
}

// offered are the actions that a credential's state and the caller's role allow.
func offered(r operate.Row, who *Caller) (all []action) {
	for _, a := range actions {
		identities := a.Name == "hold" || a.Name == "retire"
		if who.Role >= a.Role && (a.fits == nil || slices.Contains(a.fits, r.State)) && (!identities || r.RetiresAt != nil) {
			all = append(all, a)
		}
	}
	return all
}

// wish is what a caller asks for.
type wish struct {
	id      string
	confirm string // the id again, where something is destroyed
	force   bool
	wait    time.Duration
}

// unconfirmed is an action that destroys something, without the id that confirms it.
type unconfirmed struct{ a action }

func (e unconfirmed) Error() string {
	return fmt.Sprintf("%s destroys %s: repeat the credential's id to confirm it", e.a.Name, e.a.Destroys)
}

// perform asks for an action, and leaves a record of who did: a line in the log, and an event.
func (c *Console) perform(ctx context.Context, a action, w wish) (operate.Verdict, error) {
	who, desk := callerOf(ctx), c.Desk()
	asked := sync.OnceFunc(func() { // as soon as it is: who waits for its end may be gone by then
		c.record(ctx, a.Name, w.id, string(operate.Asked), nil)
		if cred, ok := desk.Fleet.Credential(w.id); ok {
			c.noted(ctx, desk.Chronicle.NoteAsked(ctx, cred, cred.Account, a.Name, who.By(), ""))
		}
	})
	if a.Destroys != "" && w.confirm != w.id {
		err := unconfirmed{a}
		c.record(ctx, a.Name, w.id, "", err)
		return operate.Verdict{}, err
	}
	verdict, err := a.do(desk, ctx, w.id, operate.Request{
		By: who.By(), Force: w.force, Wait: min(w.wait, followMost), Tell: func(operate.Verdict) { asked() },
	})
	if err != nil {
		c.record(ctx, a.Name, w.id, "", err)
		return verdict, err
	}
	asked()
	return verdict, nil
}

// record is the audit: one line for whatever was asked for, also where it was refused.
func (c *Console) record(ctx context.Context, what, about, outcome string, err error) {
	who := callerOf(ctx)
	fields := []slog.Attr{
		slog.String("operation", what), slog.String("about", about), slog.String("by", who.Name), slog.String("role", who.Role.String()), slog.String("from", who.From),
	}
	if who.Subject != "" {
		fields = append(fields, slog.String("subject", shown(who.Subject, maxWhy)))
	}
	if err != nil {
		c.Log.LogAttrs(ctx, slog.LevelInfo, "audit", append(fields, slog.String("outcome", "refused"), slog.String("why", operate.Plain(err.Error())))...)
		return
	}
	c.Log.LogAttrs(ctx, slog.LevelInfo, "audit", append(fields, slog.String("outcome", outcome))...)
}

// noted logs an event that could not be noted: the line of the audit is there all the same.
func (c *Console) noted(ctx context.Context, err error) {
	if err != nil {
		c.Log.LogAttrs(ctx, slog.LevelWarn, "an event is missing: the audit in this log has it", slog.Any("error", err))
	}
}
