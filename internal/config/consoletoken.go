package config

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"

	"keyturn/internal/config/document"
)

// consoleTokens reads who may do what at the console.
func (l *loader) consoleTokens(v *document.Value) []ConsoleToken {
	var tokens []ConsoleToken
	owners := map[ConsoleToken]string{} // by digest or file
	entries := v.Entries()
	for _, entry := range entries {
		if !checkName(entry) {
			continue
		}
		t := ConsoleToken{Name: entry.Name()}
		consoleTokenFields.decode(l, entry, &t)
		entry.Require("role")
		entry.ExactlyOne("sha256", "file")
		key := ConsoleToken{Digest: t.Digest, File: t.File}
		if owner, taken := owners[key]; taken {
			failShared(entry, owner)
		} else if key != (ConsoleToken{}) {
			owners[key] = t.Name
		}
		tokens = append(tokens, t)
	}
	if len(entries) == 0 && (v.Kind() == document.Object || v.Kind() == document.Null) {
		v.Fail(tokenAdvice, "must name at least one")
	}
	slices.SortFunc(tokens, func(a, b ConsoleToken) int { return cmp.Compare(a.Name, b.Name) })
	return tokens
}

// failShared reports a token that is another one's: the name would not tell who asked.
func failShared(entry *document.Value, owner string) {
	for _, field := range []string{"sha256", "file"} {
		if at := entry.Child(field); at != nil {
			at.FailUnseen("make a token for each", "is the one of %s too", owner)
			return
		}
	}
}

// consoleRole returns a role. What looks like none is not repeated: it may be the token.
func consoleRole(v *document.Value) ConsoleRole {
	text := v.Text()
	if text == "" || slices.Contains(roleNames, text) {
		return ConsoleRole(text)
	}
	near := document.Nearest(text, roleNames)
	if strings.HasPrefix(near, "did you mean") {
		v.Fail(near, "%q is not a role: there are viewer, operator and admin", text)
	} else {
		v.FailUnseen(roleAdvice, "is not a role")
	}
	return ""
}

// tokenDigest returns a SHA-256, zero after an error. What stands there instead is not repeated: it may be the token.
func tokenDigest(v *document.Value) (digest [32]byte) {
	text := v.Text()
	decoded, err := hex.DecodeString(text)
	switch {
	case text == "": // said already
	case err != nil || len(decoded) != len(digest):
		v.FailUnseen(digestAdvice, "is not a SHA-256")
	case strings.EqualFold(text, emptyDigest):
		v.FailUnseen(digestAdvice, "is the SHA-256 of nothing: there was no token")
	default:
		copy(digest[:], decoded)
	}
	return digest
}
