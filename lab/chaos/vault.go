package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// record is what chaos reads of a journal.
type record struct {
	Version         int       `json:"-"` // 0: there is none
	State           string    `json:"state"`
	RotationID      string    `json:"rotation_id"`
	Reason          string    `json:"reason"`
	Owner           string    `json:"owner"`
	Slot            time.Time `json:"slot"`
	LostGenerations int       `json:"lost_generations"`
	Why             string    `json:"why"`
	Since           time.Time `json:"since"` // of a quarantine
	Candidates      []struct {
		Value string `json:"value"`
	} `json:"candidates"`
}

// entry is what a consumer reads.
type entry struct {
	Version  int    `json:"-"` // 0: there is none
	Username string `json:"username"`
	Password string `json:"password"`
}

// journal reads a version of a credential's journal; 0 is the newest.
func (s *stage) journal(ctx context.Context, c credential, version int) (record, error) {
	sum := sha256.Sum256([]byte(c.ID))
	var r record
	var err error
	r.Version, err = s.read(ctx, "keyturn-journal/data/"+hex.EncodeToString(sum[:2])[:3]+"/"+c.ID, version, &r)
	return r, err
}

// current reads a version of what consumers read; 0 is the newest.
func (s *stage) current(ctx context.Context, c credential, version int) (entry, error) {
	var e entry
	var err error
	e.Version, err = s.read(ctx, "secret/data/"+c.Path, version, &e)
	return e, err
}

// read reads a version of a secret over plain HTTP, past the proxy, and returns which one it is: 0 if there is none.
func (s *stage) read(ctx context.Context, path string, version int, data any) (int, error) {
	answer := struct {
		Data struct {
			Data     any
			Metadata struct{ Version int }
		}
	}{}
	answer.Data.Data = data
	err := getJSON(ctx, fmt.Sprintf("%s/v1/%s?version=%d", s.vault.Addr, path, version), s.vault.Token, &answer)
	if errors.Is(err, errMissing) {
		return 0, nil
	}
	return answer.Data.Metadata.Version, err
}
