package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"keyturn/internal/config"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
	"keyturn/internal/webhook"
)

// CheckSecrets reads everything that a process reads at its start, and forgets it: the passwords of Redis, what logs in to
// Vault, and every management key. One that is missing hides no other: where Vault cannot be opened, the keys that do not
// stand there are read all the same.
func CheckSecrets(ctx context.Context, cfg *config.Config) error {
	_, redisErr := redisSettings(ctx, cfg.Redis)
	read := func(context.Context, string, string, string) (secret.Value, error) {
		return secret.Value{}, config.ErrSkip
	}
	var storeErrs []error
	vault, vaultErr := Vault(ctx, cfg, vaultkv.ReadOnly, func(err error) { storeErrs = append(storeErrs, err) })
	if vaultErr == nil {
		defer vault.Close()
		read = vault.ReadField
	}
	keys, keysErr := cfg.ResolveKeys(ctx, func(ctx context.Context, ref config.VaultRef) (secret.Value, error) {
		return read(ctx, ref.Store, ref.Path, ref.Field)
	})
	webhookErr := checkWebhooks(ctx, cfg, read)
	var whole []string // accounts of which nothing is missing
	for name, account := range cfg.Accounts {
		if len(keys[name]) == len(account.Keys) {
			whole = append(whole, name)
		}
	}
	var subjectsErr error
	if len(whole) > 0 {
		_, subjectsErr = NewSubjects(ctx, cfg, read, Mail{}, whole...)
	}
	return errors.Join(redisErr, vaultErr, errors.Join(storeErrs...), keysErr, webhookErr, subjectsErr)
}

// checkWebhooks reads what messages are signed with.
func checkWebhooks(ctx context.Context, cfg *config.Config, read func(ctx context.Context, store, path, field string) (secret.Value, error)) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Webhooks)) {
		value, err := cfg.Webhooks[name].Secret.Read(ctx, func(ctx context.Context, ref config.VaultRef) (secret.Value, error) {
			return read(ctx, ref.Store, ref.Path, ref.Field)
		})
		if err == nil && !value.IsZero() { // it is where no Vault was asked
			_, err = webhook.Key(value)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("webhooks.%s.secret: %w", name, err))
		}
	}
	return errors.Join(problems...)
}
