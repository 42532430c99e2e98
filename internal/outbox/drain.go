package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

const (
	// turnTime is how long a worker that died keeps its subject from others: longer than any delivery takes.
	turnTime = time.Minute
	// Patience is how long a delivery is tried again.
	Patience = 24 * time.Hour
	// The shortest and the longest pause between two tries. In between it is as long as the event is old, so that it doubles.
	shortest, longest = 5 * time.Second, time.Hour
	// atOnce bounds a run, for the sake of other subjects.
	atOnce = 100
)

// ErrFinal is a delivery that must not be tried again.
var ErrFinal = errors.New("it is not tried again")

// ErrGone is an event that the stream does not have any more.
var ErrGone = errors.New("the event is not kept any more")

// Delivery is what became of one run.
type Delivery struct {
	Told  int           // messages
	Dead  int           // events that are given up; DeadOf says why
	Cause error         // of the last one that is dead
	After time.Duration // there is more to tell after that
	Err   error         // why not now; nil where another worker is at it
}

// Drain delivers what waits for a subject, the oldest first, until there is no more or a delivery fails. send may be called with
// an event that was delivered before. Where it has all of them said with the newest, together is true.
func (b *Box) Drain(ctx context.Context, p Place, together bool, now func() time.Time, send func(ctx context.Context, id string) error) Delivery {
	var d Delivery
	token := rand.Text()
	taken, rest, err := b.take(ctx, p, token)
	if err != nil || !taken {
		return Delivery{After: max(rest, time.Second), Err: err}
	}
	pause, remove := time.Duration(0), b.Remove // and no older one, which a person may have put back meanwhile
	if together {
		remove = b.RemoveUpTo
	}
	for d.Told+d.Dead < atOnce && d.Err == nil {
		id, newest, err := b.Ends(ctx, p)
		if err != nil || id == "" {
			d.Err = err
			break
		}
		if d.Err = b.leave(ctx, p, token, turnTime); d.Err != nil { // others wait for as long as this one goes on
			break
		}
		if together {
			id = newest
		}
		switch err := send(ctx, id); {
		case err == nil:
			d.Err = remove(ctx, p, id)
			d.Told++
		case errors.Is(err, ErrGone): // it could not be sent again either
			d.Err = remove(ctx, p, id)
			d.Dead++
			d.Cause = err
		case ctx.Err() != nil: // the worker stops, which says nothing of the receiver
			d.Err = err
		case errors.Is(err, ErrFinal) || now().Sub(Happened(id)) > Patience:
			d.Err = b.Bury(ctx, p, id, err.Error(), now())
			d.Dead++
			d.Cause = err
		default:
			d.Err = err
			pause = min(max(now().Sub(Happened(id)), shortest), longest)
		}
	}
	if d.Err != nil {
		d.After = max(pause, shortest)
	} else if d.Told+d.Dead >= atOnce {
		d.After = time.Second
	}
	_ = b.leave(ctx, p, token, pause) // it ends by itself
	return d
}

// take begins the turn of a subject. Where another one has it, or it rests after a failure, taken is false.
func (b *Box) take(ctx context.Context, p Place, token string) (taken bool, rest time.Duration, err error) {
	key := redisx.Turn(p.Sink, p.Subject)
	taken, err = b.rdb.SetNX(ctx, key, token, turnTime).Result()
	if err != nil || taken {
		return taken, 0, wrap(err)
	}
	rest, err = b.rdb.PTTL(ctx, key).Result()
	return false, max(rest, 0), wrap(err)
}

var leaveScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

// errTurn is a turn that another worker has by now: this one stood still for long.
var errTurn = errors.New("another worker is at it")

// leave ends a turn, after which the subject rests.
func (b *Box) leave(ctx context.Context, p Place, token string, rest time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// The task comes back after the rest: it must find the turn free then.
	key, rest := redisx.Turn(p.Sink, p.Subject), max(rest-time.Second, 0)
	mine, err := leaveScript.Run(ctx, b.rdb, []string{key}, token, rest.Milliseconds()).Bool()
	if err == nil && !mine {
		err = errTurn
	}
	return wrap(err)
}
