package app

import (
	"context"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/outbox"
	"keyturn/internal/queue"
	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// NewDesk is where an operator's requests about a configuration are answered, with the ports to Redis and Vault in place.
// It goes by Redis's clock: what it compares was written by other machines. A nil Redis is away, and then this machine's
// clock has to do. Vault may be nil where no request needs it; it is only read, and what changes a journal is left to a
// worker.
func NewDesk(ctx context.Context, cfg *config.Config, rdb redis.UniversalClient, vault *vaultkv.Vault) (*operate.Desk, error) {
	d := operate.For(cfg)
	d.Clock = rotation.WallClock{}
	if vault != nil {
		d.Truth, d.History, d.Freezes = vault, vault, vault
	}
	if rdb == nil {
		return d, nil
	}
	clock, err := queue.NewClock(ctx, rdb, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, err
	}
	index := due.NewIndex(rdb)
	client := queue.NewClient(rdb)
	d.Clock, d.Queue, d.Orders, d.Index, d.Calendar, d.Mirror, d.Chronicle = clock, client, client, index, index, index, index
	d.Breakers, d.Pauses = queue.NewBreaker(rdb, nil), ratelimit.NewPauses(rdb)
	d.Notes = index.ContactNotes()
	d.ToldOf = toldOf(cfg)
	d.Outbox, d.Teller = outbox.New(rdb), client
	d.Acts = operate.Jobs{Queue: d.Queue}
	return d, nil
}
