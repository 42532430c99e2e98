package vaultkv

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"keyturn/internal/rotation"
)

// validID is the alphabet of a credential's id: it is one segment of a path, whatever it is made of.
var validID = regexp.MustCompile(`^[a-z0-9._@-]{1,128}$`)

// shard spreads the journals over 4096 folders, because Vault lists a folder in one answer.
func shard(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:2])[:3]
}

// journalKey is where the journal of a credential lives below its mount: SHARD/ID.
func journalKey(id string) (string, error) {
	if !validID.MatchString(id) || id == "." || id == ".." {
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

// checkPath refuses what could leave its mount: Vault's client cleans a path before it sends it, so that "a/../b"
// silently becomes "b". Any other character is escaped on the way.
func checkPath(path string) error {
	if !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("path %q: want printable characters only", path)
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "":
			return fmt.Errorf("path %q: want no empty segment, and no slash at either end", path)
		case ".", "..":
			return fmt.Errorf("path %q: a segment %q could lead out of its mount", path, segment)
		}
	}
	return nil
}
