package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPath is the longest path in Vault, in bytes.
const maxPath = 512

// vaultPath returns the path of a mount or of a secret below one.
func (l *loader) vaultPath(v *value) string {
	path := v.string()
	if path != "" {
		l.checkPath(v, path)
	}
	return path
}

// checkPath reports what could leave the mount, or would not mean what it says: Vault's client cleans a path before it
// sends it, so that a/../b silently becomes b.
func (l *loader) checkPath(v *value, path string) {
	switch {
	case len(path) > maxPath:
		v.fail("", "is longer than %d bytes", maxPath)
	case strings.HasPrefix(path, "/"):
		v.fail("write "+strings.TrimLeft(path, "/"), "paths are relative to the mount and do not start with a slash")
	case strings.HasPrefix(path, "data/") || strings.HasPrefix(path, "metadata/"):
		v.fail("leave the first part out", "paths are below the engine's own data/ and metadata/")
	case !printable(path) || strings.TrimSpace(path) != path:
		v.fail("", "must be printable, without blanks at its ends")
	default:
		for segment := range strings.SplitSeq(path, "/") {
			switch segment {
			case "":
				v.fail("", "has an empty part between slashes or at its end")
				return
			case ".", "..":
				v.fail("", "must not contain the part %q, which could lead out of the mount", segment)
				return
			}
		}
	}
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
