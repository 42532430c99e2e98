package vaultkv

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
)

// freezesKey stands at the top of the journals' mount, where only folders of journals are looked into.
const freezesKey = "freezes"

// freezesSchema is the newest form of the record that is read.
const freezesSchema = 1

// frozen is the record of freezes as Vault holds it. The names are a format: other versions of keyturn read them.
type frozen struct {
	Schema  int        `json:"schema"`
	Freezes freeze.Set `json:"freezes"`
}

// ErrFreezes is a record of freezes that keyturn did not write.
var ErrFreezes = errors.New("the record of freezes cannot be read: it was not written by keyturn")

// StoreNames are the names of the stores, in order.
func (v *Vault) StoreNames() []string { return slices.Sorted(maps.Keys(v.all())) }

// Freezes implements freeze.Records.
func (v *Vault) Freezes(ctx context.Context, store string) (freeze.Set, error) {
	set, _, err := v.LoadFreezes(ctx, store)
	return set, err
}

// LoadFreezes returns the freezes that persons asked for in a store, and the version of their record: 0 where there is none.
func (v *Vault) LoadFreezes(ctx context.Context, store string) (freeze.Set, int, error) {
	s, err := v.store(store)
	if err != nil {
		return nil, 0, err
	}
	path := s.freezesPath()
	found, err := s.version(ctx, path, 0)
	if err != nil || found.gone() {
		return nil, found.Metadata.Version, err
	}
	var record frozen
	switch err := json.Unmarshal(found.Data, &record); {
	case record.Schema > freezesSchema:
		return nil, 0, explain(s.name, opRead, path, rotation.ErrNewerSchema)
	case err != nil || record.Schema < 1 || slices.ContainsFunc(record.Freezes, func(f freeze.Freeze) bool { return f.Until.IsZero() }):
		return nil, 0, explain(s.name, opRead, path, ErrFreezes)
	}
	return record.Freezes, found.Metadata.Version, nil
}

// SaveFreezes writes the freezes of a store if the newest version of their record is cas. An error that wraps
// rotation.ErrStale or ErrUnclear asks to load them again.
func (v *Vault) SaveFreezes(ctx context.Context, store string, set freeze.Set, cas int) error {
	s, err := v.store(store)
	if err != nil {
		return err
	}
	if set == nil {
		set = freeze.Set{}
	}
	_, err = s.put(ctx, s.freezesPath(), frozen{Schema: freezesSchema, Freezes: set}, cas)
	return err
}

func (s *store) freezesPath() string { return s.config.JournalMount + "/data/" + freezesKey }
