package app

import (
	"context"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// doubting notes in Redis which open journals are in doubt, for people who have no rights in Vault.
type doubting struct {
	rotation.Journals
	index *due.Index
}

// noteMost is how long a run waits for a note that nothing needs.
const noteMost = time.Second

// Save implements rotation.Journals.
func (d doubting) Save(ctx context.Context, cred *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	version, err := d.Journals.Save(ctx, cred, rec, cas)
	if err == nil && rec.State == rotation.Open && rec.Doubted {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteMost)
		defer cancel()
		_ = d.index.Doubt(ctx, cred, rec.TouchedAt) // the next save makes up for one that was lost
	}
	return version, err
}
