package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/vault"
)

// prepare makes the mounts and enables the auth methods that do not exist yet, so that a restart changes nothing.
func prepare(ctx context.Context, core *vault.Core, token string, opts options) error {
	mounted, err := ask(ctx, core, token, logical.ReadOperation, "sys/mounts", nil)
	if err != nil {
		return err
	}
	for _, m := range opts.mounts {
		if _, exists := mounted.Data[m.path+"/"]; !exists {
			_, err := ask(ctx, core, token, logical.UpdateOperation, "sys/mounts/"+m.path, map[string]any{
				"type": "kv", "options": map[string]any{"version": m.version},
			})
			if err != nil {
				return fmt.Errorf("mount %s: %w", m.path, err)
			}
		}
		if m.version == "2" {
			if err := awaitUpgrade(ctx, core, token, m.path); err != nil {
				return fmt.Errorf("mount %s: %w", m.path, err)
			}
		}
	}
	enabled, err := ask(ctx, core, token, logical.ReadOperation, "sys/auth", nil)
	if err != nil {
		return err
	}
	for _, method := range opts.auths {
		if _, exists := enabled.Data[method+"/"]; exists {
			continue
		}
		if _, err := ask(ctx, core, token, logical.UpdateOperation, "sys/auth/"+method, map[string]any{"type": method}); err != nil {
			return fmt.Errorf("auth %s: %w", method, err)
		}
	}
	return nil
}

// awaitUpgrade waits until a fresh version 2 mount answers: for a moment after the mount, and after each unseal, it
// refuses requests because it is "upgrading from non-versioned to versioned data".
func awaitUpgrade(ctx context.Context, core *vault.Core, token, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := ask(ctx, core, token, logical.ReadOperation, path+"/config", nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
