package main

import (
	"context"
	"errors"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// checkSecrets reads everything that a process reads at its start, and forgets it: the passwords of Redis, what logs in to
// Vault, and every management key. One that is missing hides no other: where Vault cannot be opened, the keys that do not
// stand there are read all the same.
func checkSecrets(ctx context.Context, cfg *config.Config) error {
	redisErr := app.CheckRedisSettings(ctx, cfg)
	read := func(context.Context, string, string, string) (secret.Value, error) {
		return secret.Value{}, config.ErrSkip
	}
	var storeErrs []error
	vault, vaultErr := app.Vault(ctx, cfg, vaultkv.ReadOnly, func(err error) { storeErrs = append(storeErrs, err) })
	if vaultErr == nil {
		defer vault.Close()
		read = vault.ReadField
	}
	keys, keysErr := cfg.ResolveKeys(ctx, func(ctx context.Context, ref config.VaultRef) (secret.Value, error) {
		return read(ctx, ref.Store, ref.Path, ref.Field)
	})
	var whole []string // accounts of which nothing is missing
	for name, account := range cfg.Accounts {
		if len(keys[name]) == len(account.Keys) {
			whole = append(whole, name)
		}
	}
	var subjectsErr error
	if len(whole) > 0 {
		_, subjectsErr = app.NewSubjects(ctx, cfg, read, app.Mail{}, whole...)
	}
	return errors.Join(redisErr, vaultErr, errors.Join(storeErrs...), keysErr, subjectsErr)
}
