package vaultkv

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"keyturn/internal/rotation"
)

// shardsAtOnce is how many folders of journals are read at a time: past 8, Vault only answers later.
const shardsAtOnce = 16

// EachJournal calls fn with every journal of a store, one at a time and in no order, until fn or Vault fails. Of a
// journal with a newer schema, fn gets Version and Schema alone. One that cannot be read holds up no other: it is
// named in the error at the end.
func (v *Vault) EachJournal(ctx context.Context, store string, fn func(id string, rec rotation.Record) error) error {
	s, err := v.store(store)
	if err != nil {
		return err
	}
	shards, err := s.list(ctx, "")
	if err != nil {
		return err
	}
	scan := &scan{store: s, fn: fn}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(shardsAtOnce)
	for _, name := range shards {
		group.Go(func() error { return scan.shard(ctx, name) })
	}
	return errors.Join(group.Wait(), errors.Join(scan.unreadable...))
}

// scan is one walk over all journals.
type scan struct {
	store      *store
	mu         sync.Mutex // held while fn runs
	fn         func(id string, rec rotation.Record) error
	unreadable []error
}

func (c *scan) shard(ctx context.Context, name string) error {
	ids, err := c.store.list(ctx, name)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if key, err := journalKey(id); err != nil || key != name+id {
			continue // not keyturn's: it would never look there
		}
		if err := c.journal(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *scan) journal(ctx context.Context, id string) error {
	rec, err := c.store.journal(ctx, id, 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, errUnreadable):
		c.unreadable = append(c.unreadable, err)
		return nil
	case err != nil && !errors.Is(err, rotation.ErrNewerSchema):
		return err
	case rec.Version == 0:
		return nil // removed since the folder was listed
	}
	return c.fn(id, rec)
}

// list returns what is in one folder of the journal mount, "" being the mount itself. A folder ends in a slash.
func (s *store) list(ctx context.Context, folder string) ([]string, error) {
	var found struct {
		Keys []string `json:"keys"`
	}
	path := s.config.JournalMount + "/metadata/" + strings.TrimSuffix(folder, "/")
	if _, err := s.get(ctx, opList, path, map[string][]string{"list": {"true"}}, &found); err != nil {
		return nil, err
	}
	if folder == "" {
		found.Keys = slices.DeleteFunc(found.Keys, func(key string) bool { return !strings.HasSuffix(key, "/") })
	}
	return found.Keys, nil
}
