package devenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Entry is a version of a secret as a consumer reads it.
type Entry struct {
	Version            int // 0: there is none
	Username, Password string
	Slot, Verified     string
	Target             string // of a pair, whose password it is
	Identity           string // of an overlap, the same
}

// Journal is what can be seen of a version of a credential's journal.
type Journal struct {
	Version         int         `json:"-"` // 0: there is none
	State           string      `json:"state"`
	RotationID      string      `json:"rotation_id"`
	Reason          string      `json:"reason"`
	Owner           string      `json:"owner"`
	Attempt         int         `json:"attempt"`
	Slot            time.Time   `json:"slot"`
	Target          string      `json:"target"`
	LostGenerations int         `json:"lost_generations"`
	Why             string      `json:"why"`
	Since           time.Time   `json:"since"` // of a quarantine
	Candidates      []Candidate `json:"candidates"`
	Identities      struct {
		Used   string `json:"used"`
		Retire []struct {
			ID string `json:"id"`
		} `json:"retire"`
	} `json:"identities"`
}

// Candidate is a password of a rotation that is open or quarantined; Value is empty where no answer has shown it, and ID is
// that of an overlap's identity.
type Candidate struct {
	ID    string `json:"id"`
	Value string `json:"value"`
	State string `json:"state"`
}

// Current reads a version of a secret of the mount that consumers read; version 0 is the newest.
func (v *Vault) Current(ctx context.Context, path string, version int) (e Entry, err error) {
	var fields map[string]any
	e.Version, err = v.Read(ctx, "secret/data/"+path, version, &fields)
	text := func(name string) string { v, _ := fields[name].(string); return v }
	e.Username, e.Password, e.Slot, e.Verified = text("username"), text("password"), text("keyturn_slot"), text("keyturn_verified")
	e.Target, e.Identity = text("keyturn_target"), text("keyturn_identity")
	return e, err
}

// Journal reads a version of a credential's journal; version 0 is the newest.
func (v *Vault) Journal(ctx context.Context, id string, version int) (j Journal, err error) {
	j.Version, err = v.Read(ctx, JournalPath(id), version, &j)
	return j, err
}

// JournalPath is where Vault's API has a credential's journal.
func JournalPath(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "keyturn-journal/data/" + hex.EncodeToString(sum[:2])[:3] + "/" + id
}

// Read decodes a version of a KV v2 secret and returns which one it is: 0 if there is none. Version 0 is the newest; path
// is MOUNT/data/PATH.
func (v *Vault) Read(ctx context.Context, path string, version int, fields any) (int, error) {
	var answer struct {
		Data struct {
			Data     any
			Metadata struct{ Version int }
		}
	}
	answer.Data.Data = fields
	err := v.Ask(ctx, http.MethodGet, fmt.Sprintf("%s?version=%d", path, version), nil, &answer)
	if errors.Is(err, ErrMissing) {
		return 0, nil
	}
	return answer.Data.Metadata.Version, err
}

// Write writes a KV v2 secret, as root does: without check-and-set. path is MOUNT/data/PATH.
func (v *Vault) Write(ctx context.Context, path string, fields any) error {
	return v.Ask(ctx, http.MethodPost, path, map[string]any{"data": fields}, nil)
}
