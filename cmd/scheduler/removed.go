package main

import (
	"context"
	"log/slog"

	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// left tells what stays in Vault of credentials that the configuration no longer has: nothing there is ever deleted.
type left struct {
	vault *vaultkv.Vault
	log   *slog.Logger
}

// maxTold is how many credentials are told one by one. An operator who removes more knows it.
const maxTold = 50

func (l left) tell(ctx context.Context, removed []*rotation.Credential) {
	for _, cred := range removed[:min(len(removed), maxTold)] {
		current, journal, err := l.vault.Paths(cred)
		if err != nil {
			l.log.LogAttrs(ctx, slog.LevelWarn, "no longer configured", slog.String("credential", cred.ID), slog.Any("error", err))
			continue
		}
		level, state := slog.LevelInfo, "closed"
		switch rec, err := l.vault.Load(ctx, cred); {
		case err != nil:
			level, state = slog.LevelWarn, "unread: "+err.Error()
		case rec.Version == 0:
			state = "none"
		case rec.State == rotation.Open:
			level, state = slog.LevelWarn, "open: it may hold the live password, and a worker that still knows it ends it"
		case rec.State == rotation.Quarantined:
			level, state = slog.LevelWarn, "in quarantine: it may hold the live password"
		}
		l.log.LogAttrs(ctx, level, "no longer configured: its rotation stops, its secret and its journal stay in Vault",
			slog.String("credential", cred.ID), slog.String("account", cred.Account), slog.String("store", cred.Place.Store),
			slog.String("current", current), slog.String("journal", journal), slog.String("rotation", state))
	}
	if more := len(removed) - maxTold; more > 0 {
		l.log.LogAttrs(ctx, slog.LevelInfo, "no longer configured: as many more, whose secrets and journals stay in Vault too", slog.Int("credentials", more))
	}
}
