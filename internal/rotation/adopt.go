package rotation

import (
	"context"
	"errors"
	"fmt"

	"keyturn/internal/secret"
)

// ReasonAdopted is a password that was live before keyturn knew it.
const ReasonAdopted Reason = "adopted"

// The errors of Adopt.
var (
	ErrOpen           = errors.New("a rotation of it is open: let it end first")
	ErrQuarantined    = errors.New("it is in quarantine: release it first")
	ErrNotLive        = errors.New("the password does not work")
	ErrWhichTarget    = errors.New("say which of its two targets the password is of")
	ErrMadeByProvider = errors.New("the identities of an overlap are made by its provider: rotate it, and what the secret has now stays valid")
	ErrTooSoon        = errors.New("it was rotated a moment ago: a late call of that rotation could still arrive")
	ErrNotAsked       = errors.New("could not check whether the password works")
)

// Live is a password that a person brought.
type Live struct {
	Password secret.Value
	Target   string // of a pair, which of the two it is of, as the configuration spells it; else ""
}

// Adopt stores a password that is live at the provider already, under the journal's claim like any other: for a fleet
// that comes to keyturn, or after a person changed it by hand. Where a verifier is set it must say that it works.
func (m *Machine) Adopt(ctx context.Context, s Subject, job Job, live Live) error {
	job.Reason = ReasonAdopted
	r := &run{Machine: m, Subject: s, job: job}
	err := r.adoptLive(ctx, live)
	if err != nil {
		r.park(ctx, 0)
	}
	var ended *stop
	if errors.As(err, &ended) && ended.Err != nil {
		return ended.Err
	}
	return err
}

func (r *run) adoptLive(ctx context.Context, live Live) error {
	if err := r.hold(ctx, false); err != nil {
		return err
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	switch r.rec.State {
	case Open:
		return ErrOpen
	case Quarantined:
		if r.rec.Target != "" { // else all that is missing is whose password current has
			return ErrQuarantined
		}
	case Closed:
	}
	rec, err := r.adopting(ctx, live.Target)
	if err != nil {
		return err
	}
	verified, err := r.checkLive(ctx, &rec, live.Password)
	if err != nil {
		return err
	}
	rec.Candidates = []Candidate{{Number: 1, Value: live.Password, State: Accepted, Synced: true, At: rec.OpenedAt}}
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	return r.complete(ctx, verified)
}

// adopting is the record that opens the adoption of a password of a target.
func (r *run) adopting(ctx context.Context, target string) (Record, error) {
	pair := r.Credential.Pair
	if pair == nil {
		if target != "" && target != r.Credential.Target {
			return Record{}, fmt.Errorf("its target is %s, and not %s", r.Credential.Target, target)
		}
		if r.Credential.Overlap != nil {
			return Record{}, ErrMadeByProvider
		}
		return r.opening(ctx)
	}
	brought := pair.Find(target, "")
	if brought == nil {
		return Record{}, fmt.Errorf("%w: %s or %s", ErrWhichTarget, pair.Targets[0].Target, pair.Targets[1].Target)
	}
	if since := r.Clock.Now().Sub(r.base.RotatedAt); since >= 0 && since < r.Timing.MinInterval {
		return Record{}, ErrTooSoon
	}
	rec := r.newRecord()
	rec.openPair(r.inUse(), brought)
	return rec, nil
}

func (r *run) checkLive(ctx context.Context, rec *Record, password secret.Value) (Verified, error) {
	if r.Verifier == nil {
		return VerifiedOff, nil
	}
	verdict, err := r.askAs(ctx, rec.Login, rec.Target, password)
	switch {
	case err != nil:
		return "", err
	case verdict == Works:
		return VerifiedYes, nil
	case verdict == Refused:
		return "", ErrNotLive
	default:
		return "", r.notAsked()
	}
}
