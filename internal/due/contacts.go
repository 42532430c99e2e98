package due

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/contacts"
	"keyturn/internal/redisx"
)

// notesTTL is longer than a job rests between two tries, which is a day where a quota is spent. What is left of a job
// that is no longer in the configuration goes with it.
const notesTTL = 7 * 24 * time.Hour

// contactNotes implements contacts.Notes: a hash per job, a field per address.
type contactNotes struct{ rdb redis.UniversalClient }

// ContactNotes returns where contact verification jobs keep what became of each address.
func (x *Index) ContactNotes() contacts.Notes { return contactNotes{x.rdb} }

func (c contactNotes) Load(ctx context.Context, account, name string) (map[string]contacts.Note, error) {
	fields, err := c.rdb.HGetAll(ctx, redisx.Contacts(account, name)).Result()
	if err != nil {
		return nil, fmt.Errorf("read what became of %s: %w", name, err)
	}
	notes := make(map[string]contacts.Note, len(fields))
	for address, text := range fields {
		var n contacts.Note
		if json.Unmarshal([]byte(text), &n) != nil {
			continue // not ours: the address is asked for again, which is harmless
		}
		notes[address] = n
	}
	return notes, nil
}

func (c contactNotes) Save(ctx context.Context, account, name string, notes map[string]contacts.Note) error {
	fields := make([]any, 0, 2*len(notes))
	for address, n := range notes {
		text, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("note what became of %s: %w", address, err)
		}
		fields = append(fields, address, text)
	}
	hash := redisx.Contacts(account, name)
	_, err := c.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, hash)
		if len(fields) > 0 {
			p.HSet(ctx, hash, fields...)
			p.PExpire(ctx, hash, notesTTL)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what became of %s: %w", name, err)
	}
	return nil
}
