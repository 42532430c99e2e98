package vaultkv

import (
	"context"
	"sync"
)

// snapshot is what was read of secrets under one context: by store and path.
type snapshot struct {
	mu   sync.Mutex
	read map[[2]string]kept
}

type snapshotKey struct{}

// Snapshot returns a context under which ReadField reads each secret once, so that fields which belong together are of one
// version of it: a rotation may write the next one in between.
func Snapshot(ctx context.Context) context.Context {
	return context.WithValue(ctx, snapshotKey{}, &snapshot{read: map[[2]string]kept{}})
}

// once reads the newest version of a secret, or returns what was read of it under ctx before.
func (s *store) once(ctx context.Context, path string) (kept, error) {
	seen, ok := ctx.Value(snapshotKey{}).(*snapshot)
	if !ok {
		return s.version(ctx, path, 0)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	key := [2]string{s.name, path}
	if found, known := seen.read[key]; known {
		return found, nil
	}
	found, err := s.version(ctx, path, 0)
	if err == nil {
		seen.read[key] = found
	}
	return found, err
}
