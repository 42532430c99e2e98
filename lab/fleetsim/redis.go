package fleetsim

import (
	"context"
	"errors"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/due/duetest"
	"keyturn/internal/rotation"
)

var (
	errRedis = errors.New("redis is away")
	errFull  = errors.New("OOM command not allowed when used memory > 'maxmemory'")
	errDead  = errors.New("this process is dead")
)

// reach is a command of a process to Redis: it takes a moment, and works where Redis is there and the process alive.
func (p *process) reach(ctx context.Context, whom, what string) error {
	if err := p.pass(ctx, 100*time.Microsecond, time.Millisecond, p.name+whom, "redis "+what); err != nil {
		return err
	}
	switch {
	case p.dead.Load() && p.worker:
		panic(errDead) // its run ends here, as if the process had
	case p.dead.Load():
		return errDead
	case p.on(redisAway, ""):
		return errRedis
	case p.on(redisFull, "") && !reads[what]:
		return errFull
	}
	return nil
}

// reads are the commands that write nothing.
var reads = map[string]bool{
	"glance": true, "look": true, "backlog": true, "members": true, "built": true, "announced": true, "time": true, "inquired": true,
}

// shared is the index as a process reaches it.
type shared struct {
	p *process
	x *duetest.Index
}

var _ due.Shared = shared{}

// Glance implements due.Claims.
func (s shared) Glance(ctx context.Context, accounts []string) (time.Time, []due.Glance, error) {
	part := "sync" // the two that look begin at one instant
	if _, limited := ctx.Deadline(); limited {
		part = "tick"
	}
	if err := s.p.reach(ctx, part, "glance"); err != nil {
		return time.Time{}, nil, err
	}
	return s.x.Glance(ctx, accounts)
}

// Claim implements due.Claims.
func (s shared) Claim(ctx context.Context, account string, n int, push time.Duration) ([]due.Due, error) {
	if err := s.p.reach(ctx, account, "claim"); err != nil {
		return nil, err
	}
	return s.x.Claim(ctx, account, n, push)
}

// ClaimOpen implements due.Claims.
func (s shared) ClaimOpen(ctx context.Context, account string, n int, push time.Duration) ([]due.Due, error) {
	if err := s.p.reach(ctx, account, "claim open"); err != nil {
		return nil, err
	}
	return s.x.ClaimOpen(ctx, account, n, push)
}

// Move implements due.Claims.
func (s shared) Move(ctx context.Context, account string, claims []due.Moved) error {
	if err := s.p.reach(ctx, account, "move"); err != nil {
		return err
	}
	return s.p.variant.move(s.p, account, claims, func(rest []due.Moved) error { return s.x.Move(ctx, account, rest) })
}

// Look implements due.Mirror.
func (s shared) Look(ctx context.Context, creds []*rotation.Credential) ([]due.Standing, error) {
	if err := s.p.reach(ctx, name(creds), "look"); err != nil {
		return nil, err
	}
	return s.x.Look(ctx, creds)
}

// name is whom a command about several credentials is about.
func name(creds []*rotation.Credential) string {
	if len(creds) == 0 {
		return ""
	}
	return creds[0].ID
}

// Add implements due.Mirror.
func (s shared) Add(ctx context.Context, found []due.Finding) error {
	if err := s.p.reach(ctx, nameOf(found), "add"); err != nil {
		return err
	}
	return s.x.Add(ctx, found)
}

func nameOf(found []due.Finding) string {
	if len(found) == 0 {
		return ""
	}
	return found[0].Cred.ID
}

// Replace implements due.Mirror.
func (s shared) Replace(ctx context.Context, found []due.Finding) error {
	if err := s.p.reach(ctx, nameOf(found), "replace"); err != nil {
		return err
	}
	return s.x.Replace(ctx, found)
}

// Remove implements due.Mirror.
func (s shared) Remove(ctx context.Context, account string, ids ...string) error {
	if err := s.p.reach(ctx, account, "remove"); err != nil {
		return err
	}
	return s.x.Remove(ctx, account, ids...)
}

// Members implements due.Mirror.
func (s shared) Members(ctx context.Context, account string, each func(ids []string) error) error {
	if err := s.p.reach(ctx, account, "members"); err != nil {
		return err
	}
	return s.x.Members(ctx, account, each)
}

// TakeLease implements due.Leases.
func (s shared) TakeLease(ctx context.Context, what due.Lease, token string, d time.Duration) (bool, error) {
	if err := s.p.reach(ctx, what.Account, "take a lease"); err != nil {
		return false, err
	}
	return s.x.TakeLease(ctx, what, token, d)
}

// KeepLease implements due.Leases.
func (s shared) KeepLease(ctx context.Context, what due.Lease, token string, d time.Duration) (bool, error) {
	if err := s.p.reach(ctx, what.Account, "keep a lease"); err != nil {
		return false, err
	}
	return s.x.KeepLease(ctx, what, token, d)
}

// ReleaseLease implements due.Leases.
func (s shared) ReleaseLease(ctx context.Context, what due.Lease, token string, built bool) (bool, error) {
	if err := s.p.reach(ctx, what.Account, "release a lease"); err != nil {
		return false, err
	}
	return s.x.ReleaseLease(ctx, what, token, built)
}

// Built implements due.Leases.
func (s shared) Built(ctx context.Context, account string) (bool, error) {
	if err := s.p.reach(ctx, account, "built"); err != nil {
		return false, err
	}
	return s.x.Built(ctx, account)
}

// Announce implements due.Peers.
func (s shared) Announce(ctx context.Context, entry, former string) ([]string, error) {
	if err := s.p.reach(ctx, "", "announce"); err != nil {
		return nil, err
	}
	return s.x.Announce(ctx, entry, former)
}

// Announced implements due.Peers.
func (s shared) Announced(ctx context.Context) ([]string, error) {
	if err := s.p.reach(ctx, "", "announced"); err != nil {
		return nil, err
	}
	return s.x.Announced(ctx)
}

// Leave implements due.Peers.
func (s shared) Leave(ctx context.Context, entry string) error {
	if err := s.p.reach(ctx, "", "leave"); err != nil {
		return err
	}
	return s.x.Leave(ctx, entry)
}

// Now implements due.Points.
func (s shared) Now(ctx context.Context) (time.Time, error) {
	if err := s.p.reach(ctx, "", "time"); err != nil {
		return time.Time{}, err
	}
	return s.x.Now(ctx)
}

// Mark implements due.Points.
func (s shared) Mark(ctx context.Context, kind string, subject *rotation.Credential, point time.Time, memory time.Duration) (bool, error) {
	if err := s.p.reach(ctx, subject.ID, "mark"); err != nil {
		return false, err
	}
	return s.x.Mark(ctx, kind, subject, point, memory)
}

// Unmark implements due.Points.
func (s shared) Unmark(ctx context.Context, kind string, subject *rotation.Credential) error {
	if err := s.p.reach(ctx, subject.ID, "unmark"); err != nil {
		return err
	}
	return s.x.Unmark(ctx, kind, subject)
}

// Hold is part of rotation.Agenda.
func (s shared) Hold(ctx context.Context, cred *rotation.Credential, quiet time.Duration, force bool) error {
	if err := s.p.reach(ctx, cred.ID, "hold"); err != nil {
		return err
	}
	return s.x.Hold(ctx, cred, quiet, force)
}

// Park is part of rotation.Agenda.
func (s shared) Park(ctx context.Context, cred *rotation.Credential, d time.Duration) error {
	if err := s.p.reach(ctx, cred.ID, "park"); err != nil {
		return err
	}
	return s.x.Park(ctx, cred, d)
}

// Settle is part of rotation.Agenda.
func (s shared) Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	if err := s.p.reach(ctx, cred.ID, "settle"); err != nil {
		return err
	}
	return s.x.Settle(ctx, cred, end)
}
