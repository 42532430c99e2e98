package devenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// ErrNoUnsealKey means that a Vault without a Dir cannot be unsealed again: its key is nowhere.
var ErrNoUnsealKey = errors.New("vault: no unseal key is kept for a Vault in memory")

// Seal makes Vault refuse everything until Unseal, or until Restart where it has a Dir.
func (v *Vault) Seal(ctx context.Context) error { return v.put(ctx, "sys/seal", nil) }

// Unseal opens a sealed Vault with the key that is kept in its Dir. Without a Dir it returns ErrNoUnsealKey.
func (v *Vault) Unseal(ctx context.Context) error {
	if v.dir == "" {
		return ErrNoUnsealKey
	}
	data, err := os.ReadFile(filepath.Join(v.dir, "keys.json"))
	if err != nil {
		return fmt.Errorf("vault: unseal: %w", err)
	}
	var kept struct {
		UnsealKey string `json:"unseal_key"`
	}
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("vault: unseal: %w", err)
	}
	return v.put(ctx, "sys/unseal", map[string]string{"key": kept.UnsealKey})
}

// Mount makes one more key/value engine, of version 1 or 2; one that exists already is an error.
func (v *Vault) Mount(ctx context.Context, path string, version int) error {
	return v.put(ctx, "sys/mounts/"+path, map[string]any{
		"type": "kv", "options": map[string]string{"version": fmt.Sprint(version)},
	})
}

// put sends Vault a request as root.
func (v *Vault) put(ctx context.Context, path string, body any) error {
	return v.Ask(ctx, http.MethodPut, path, body, nil)
}

// Ask sends Vault a request as root and decodes the answer, unless that is nil. Neither the body nor the answer appears
// in an error; it is ErrMissing where there is nothing.
func (v *Vault) Ask(ctx context.Context, method, path string, body, answer any) error {
	return call(ctx, method, v.Addr+"/v1/"+path, v.Token, body, answer)
}
