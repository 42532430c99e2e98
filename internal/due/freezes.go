package due

import (
	"context"
	"encoding/json"
	"fmt"

	"keyturn/internal/freeze"
	"keyturn/internal/redisx"
)

// NoteFreezes implements freeze.Mirror.
func (x *Index) NoteFreezes(ctx context.Context, store string, set freeze.Set) error {
	text, err := json.Marshal(set)
	if err != nil {
		return fmt.Errorf("note the freezes of store %s: %w", store, err)
	}
	if err := x.rdb.HSet(ctx, redisx.Freezes, store, text).Err(); err != nil {
		return fmt.Errorf("note the freezes of store %s: %w", store, err)
	}
	return nil
}

// Freezes are those of each store, as a worker or scheduler read them last. What Redis has lost is missing for a minute.
func (x *Index) Freezes(ctx context.Context) (map[string]freeze.Set, error) {
	texts, err := x.rdb.HGetAll(ctx, redisx.Freezes).Result()
	if err != nil {
		return nil, fmt.Errorf("read the freezes: %w", err)
	}
	all := make(map[string]freeze.Set, len(texts))
	for store, text := range texts {
		var set freeze.Set
		if err := json.Unmarshal([]byte(text), &set); err != nil {
			return nil, fmt.Errorf("read the freezes of store %s: %w", store, err)
		}
		all[store] = set
	}
	return all, nil
}
