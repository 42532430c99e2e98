package vaultkv

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"keyturn/internal/rotation"
)

// shard spreads the journals over 4096 folders, because Vault lists a folder in one answer.
func shard(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:2])[:3]
}

// journalKey is the path of a credential's journal below its mount: SHARD/ID.
func journalKey(id string) (string, error) {
	if !rotation.ValidID(id) {
		return "", fmt.Errorf("credential id %q: want 1 to 128 of a-z, 0-9 and \"._-@\"", id)
	}
	return shard(id) + "/" + id, nil
}

// Paths returns where a credential's secret and its journal are, as the `vault kv` command wants them.
func (v *Vault) Paths(cred *rotation.Credential) (current, journal string, err error) {
	s, err := v.store(cred.Place.Store)
	if err != nil {
		return "", "", err
	}
	key, err := journalKey(cred.ID)
	return s.config.Mount + "/" + cred.Place.Path, s.config.JournalMount + "/" + key, err
}

// checkPath is rotation.CheckPath with the path in the error.
func checkPath(path string) error {
	if err := rotation.CheckPath(path); err != nil {
		return fmt.Errorf("path %q %w", path, err)
	}
	return nil
}
