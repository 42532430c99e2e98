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
	ErrOpen        = errors.New("a rotation of it is open: let it end first")
	ErrQuarantined = errors.New("it is in quarantine: release it first")
	ErrNotLive     = errors.New("the password does not work")
	ErrNotAsked    = errors.New("could not check whether the password works")
)

// Adopt stores a password that is live at the provider already, under the journal's claim like any other: for a fleet
// that comes to keyturn, or after a person changed it by hand. Where a verifier is set it must say that it works.
func (m *Machine) Adopt(ctx context.Context, s Subject, job Job, password secret.Value) error {
	r := &run{Machine: m, Subject: s, job: job}
	err := r.adoptLive(ctx, password)
	if err != nil {
		r.park(ctx, 0)
	}
	var ended *stop
	if errors.As(err, &ended) && ended.Err != nil {
		return ended.Err
	}
	return err
}

func (r *run) adoptLive(ctx context.Context, password secret.Value) error {
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
		return ErrQuarantined
	case Closed:
	}
	verified, err := r.checkLive(ctx, password)
	if err != nil {
		return err
	}
	rec, err := r.opening()
	if err != nil {
		return err
	}
	rec.Candidates = []Candidate{{Number: 1, Value: password, State: Accepted, Synced: true, At: rec.OpenedAt}}
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	return r.complete(ctx, verified)
}

func (r *run) checkLive(ctx context.Context, password secret.Value) (Verified, error) {
	if r.Verifier == nil {
		return VerifiedOff, nil
	}
	verdict, err := r.askNow(ctx, password)
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
