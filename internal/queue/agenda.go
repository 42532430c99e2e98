package queue

import (
	"context"
	"errors"
	"time"

	"keyturn/internal/rotation"
)

// Index is the part of rotation.Agenda that the index of due times keeps.
type Index interface {
	Hold(ctx context.Context, cred *rotation.Credential, quiet time.Duration, force bool) error
	Park(ctx context.Context, cred *rotation.Credential, d time.Duration) error
	Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error
}

// Agenda is rotation.Agenda: index, queue and breaker as one.
type Agenda struct {
	Index
	Client  *Client
	Breaker *Breaker
}

var _ rotation.Agenda = Agenda{}

// Settle implements rotation.Agenda. A caller that waits for a demand hears of its rotation's end from the run that
// ended it: its own task may be a dead worker's.
func (a Agenda) Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	return errors.Join(a.Index.Settle(ctx, cred, end), a.Client.settled(ctx, cred, end))
}

// Ask implements rotation.Agenda.
func (a Agenda) Ask(ctx context.Context, cred *rotation.Credential, reason rotation.Reason, after time.Duration) error {
	return a.Client.Ask(ctx, cred.Account, cred.ID, reason, after)
}

// Block implements rotation.Agenda.
func (a Agenda) Block(ctx context.Context, account string, cause *rotation.Error) error {
	return a.Breaker.Block(ctx, account, cause)
}
