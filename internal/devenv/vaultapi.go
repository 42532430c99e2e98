package devenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

// NewToken writes a policy under a name and makes a token that has it alone. The settings, which may be nil, are what else the
// token is to be, as auth/token/create takes it.
func (v *Vault) NewToken(ctx context.Context, name, policy string, settings map[string]any) (token string, err error) {
	if err := v.put(ctx, "sys/policies/acl/"+name, map[string]string{"policy": policy}); err != nil {
		return "", err
	}
	body := map[string]any{"policies": []string{name}, "no_default_policy": true}
	maps.Copy(body, settings)
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	err = v.Ask(ctx, http.MethodPost, "auth/token/create", body, &made)
	return made.Auth.Token, err
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
