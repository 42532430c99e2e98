package operate

import (
	"context"
	"errors"
	"iter"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// BulkRequest asks for the rotation of all credentials of an account, in the order of the configuration.
type BulkRequest struct {
	Account string `json:"account"`
	After   string `json:"after,omitempty"` // begin after this credential: where an earlier request ended
	// Marks are what the credentials must carry; nil: all are meant.
	Marks *rotation.Marks `json:"-"`

	By   string        `json:"-"` // as in Request
	Wait bool          `json:"-"` // until all have ended, not only been asked for
	Idle time.Duration `json:"-"` // give up when nothing was asked for and nothing ended for so long; a slow account has longer
	// Tell hears of the progress, several times a second; nil for no one. It is never called twice at once.
	Tell func(Bulk) `json:"-"`
}

// Bulk is what has become of a BulkRequest so far.
type Bulk struct {
	Account     string  `json:"account"`
	Credentials int     `json:"credentials"`
	Asked       int     `json:"asked"`
	Rotated     int     `json:"rotated"` // or were, meanwhile, for another request
	Failed      int     `json:"failed"`
	Open        int     `json:"open"`           // were asked for and have not ended; they go on by themselves
	Last        string  `json:"last,omitempty"` // credential that was asked for last: where another request goes on
	Seconds     float64 `json:"seconds"`
	// Failures are the first of those that failed, MaxFailures at most.
	Failures []Verdict `json:"failures,omitempty"`
	// Waits is one of those that are open.
	Waits string `json:"waits,omitempty"`
}

const (
	// MaxFailures is how many failures of a bulk are named, and the others counted.
	MaxFailures = 20
	// linger is how much work of a bulk may stand in the urgent queue: whatever a person asks for meanwhile, and the
	// rotation of a worker that died, wait behind it.
	linger    = 2 * time.Second
	maxWindow = 500
	// maxOpen bounds the demands that were asked for and have not ended. Those that fail come back indefinitely; a
	// provider that is down must not gather a whole fleet of them.
	maxOpen  = 1000
	bulkTick = 250 * time.Millisecond
	// idleTurns is for how many turns of the account a bulk waits at least.
	idleTurns = 10
)

// Why a bulk ended before its time.
var (
	ErrStalled     = errors.New("nothing has moved for too long: is a worker running?")
	ErrInterrupted = errors.New("interrupted")
)

// RotateAll asks for the rotation of all credentials of an account before all scheduled work, no faster than they are
// served. It returns when the last was asked for or, if the request waits, has ended. What has become of them until then is
// returned beside every error: ErrStalled, ErrInterrupted, or one of Redis.
func (d *Desk) RotateAll(ctx context.Context, r BulkRequest) (Bulk, error) {
	creds, err := d.Select(r.query())
	if err != nil {
		return Bulk{}, err
	}
	l, err := d.load(r.Account, creds)
	if err != nil || l.credentials == 0 {
		return Bulk{Account: r.Account}, err
	}
	b := &bulk{desk: d, request: r, pace: l.pace(), began: d.Clock.Now(), sum: Bulk{Account: r.Account, Credentials: l.credentials}}
	err = b.run(ctx, creds)
	return b.now(), err
}

// query is which credentials are meant.
func (r BulkRequest) query() Query {
	return Query{Accounts: []string{r.Account}, Marks: r.Marks, After: r.After}
}

// bulk asks for the rotation of many credentials of one account, no faster than they are served.
type bulk struct {
	desk    *Desk
	request BulkRequest
	pace    float64 // demands a second
	began   time.Time

	open []*wish
	sum  Bulk
}

// now is what has become of it so far.
func (b *bulk) now() Bulk {
	sum := b.sum
	sum.Open, sum.Seconds = len(b.open), b.desk.Clock.Now().Sub(b.began).Seconds()
	if sum.Open > 0 {
		sum.Waits = b.open[0].cred.ID
	}
	return sum
}

// run ends when all was asked for and, if the request waits, has ended.
func (b *bulk) run(ctx context.Context, creds iter.Seq[*rotation.Credential]) error {
	next, stop := iter.Pull(creds)
	defer stop()
	idle := max(b.request.Idle, time.Duration(idleTurns/b.pace*float64(time.Second)))
	window := max(1, min(maxWindow, int(b.pace*linger.Seconds())))
	allowance, last := float64(window), b.began
	moved := last
	for {
		now := b.desk.Clock.Now()
		allowance = min(allowance+b.pace*now.Sub(last).Seconds(), float64(window))
		last = now
		ended := b.collect(ctx)
		asked, err := b.ask(ctx, next, min(int(allowance), b.room(ctx, window)))
		allowance -= float64(asked)
		if asked+ended > 0 {
			moved = now
		}
		if b.request.Tell != nil {
			b.request.Tell(b.now())
		}
		switch {
		case err == nil && b.sum.Asked == b.sum.Credentials && (!b.request.Wait || len(b.open) == 0):
			return nil
		case err == nil && now.Sub(moved) >= idle:
			return ErrStalled
		case err == nil:
			err = b.desk.Clock.Sleep(ctx, bulkTick)
		}
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		if err != nil {
			return err
		}
	}
}

// room is how many more may be asked for now.
func (b *bulk) room(ctx context.Context, window int) int {
	depths, err := b.desk.Queue.Depths(ctx, b.request.Account)
	if err != nil {
		return 0
	}
	for _, d := range depths {
		if d.Urgent {
			window -= d.Pending
		}
	}
	for _, w := range b.open {
		// These come back within seconds and then stand in line as well. What failed waits for longer.
		if w.last.Status == rotation.Waiting.String() || w.last.Status == queue.StatusBlocked {
			window--
		}
	}
	return min(window, maxOpen-len(b.open))
}

func (b *bulk) ask(ctx context.Context, next func() (*rotation.Credential, bool), n int) (asked int, err error) {
	for ; asked < n; asked++ {
		cred, ok := next()
		if !ok {
			return asked, nil
		}
		slot, err := b.desk.Queue.Demand(ctx, cred.Account, queue.KindRotate, cred.ID, rotation.Job{RequestedBy: b.request.By})
		switch {
		case errors.Is(err, queue.ErrBusy):
			b.fail(Verdict{Credential: cred.ID, Outcome: Failed, Why: err.Error()})
		case err != nil:
			return asked, err
		default:
			b.open = append(b.open, &wish{cred: cred, kind: queue.KindRotate, slot: slot})
		}
		b.sum.Asked++
		b.sum.Last = cred.ID
	}
	return asked, nil
}

// collect takes note of what has ended by the outcomes of the jobs. Vault is not asked: that would be a request for each.
func (b *bulk) collect(ctx context.Context) (ended int) {
	var open []*wish
	for begin := 0; begin < len(b.open); begin += looksAtOnce {
		some := b.open[begin:min(begin+looksAtOnce, len(b.open))]
		b.desk.outcomes(ctx, some)
		for _, w := range some {
			v, over := w.outcome()
			switch {
			case !over:
				open = append(open, w)
			case v.Good():
				b.sum.Rotated++
			default:
				b.fail(v)
			}
		}
	}
	ended = len(b.open) - len(open)
	b.open = open
	return ended
}

func (b *bulk) fail(v Verdict) {
	b.sum.Failed++
	if len(b.sum.Failures) < MaxFailures {
		b.sum.Failures = append(b.sum.Failures, v)
	}
}
