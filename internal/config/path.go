package config

import (
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// vaultPath returns the path of a mount or of a secret below one.
func (l *loader) vaultPath(v *document.Value) string {
	path := v.Text()
	if path != "" {
		l.checkPath(v, path)
	}
	return path
}

// checkPath reports what rotation.CheckPath does, and what a person writes who thinks of another kind of path.
func (l *loader) checkPath(v *document.Value, path string) {
	err := rotation.CheckPath(path)
	switch {
	case strings.HasPrefix(path, "/"):
		v.Fail("write "+strings.TrimLeft(path, "/"), "paths are relative to the mount and do not start with a slash")
	case strings.HasPrefix(path, "data/") || strings.HasPrefix(path, "metadata/"):
		v.Fail("leave the first part out", "paths are below the engine's own data/ and metadata/")
	case err != nil:
		v.Fail("", "%v", err)
	}
}

// checkBelow reports a path that repeats what stands above it, as an API path or the address line of Vault's own page does.
func (l *loader) checkBelow(v *document.Value, path string, store *Store) {
	if store == nil || store.Mount == "" {
		return
	}
	rest, api := strings.CutPrefix(path, "v1/")
	below, repeats := strings.CutPrefix(rest, store.Mount+"/")
	engine, underEngine := cutEngine(below)
	_, otherMount := cutEngine(rest[strings.IndexByte(rest, '/')+1:])
	switch {
	case repeats && underEngine:
		v.Fail("write "+engine, "is a path of Vault's API: paths are below the mount %q, without the engine's own data/ and metadata/", store.Mount)
	case repeats && api:
		v.Fail("write "+below, "is a path of Vault's API: paths are below the mount %q", store.Mount)
	case repeats && !l.repeated[store]:
		l.repeated[store] = true
		v.Warn("write "+below, "begins with the mount's own name: it stands at %s/data/%s", store.Mount, path)
	case otherMount && !repeats:
		v.Warn("leave the mount and data/ out", "looks like a path of Vault's API: it stands at %s/data/%s", store.Mount, path)
	}
}

// cutEngine takes the prefixes off that a KV engine of version 2 has under its mount.
func cutEngine(path string) (string, bool) {
	for _, own := range []string{"data/", "metadata/"} {
		if rest, ok := strings.CutPrefix(path, own); ok {
			return rest, true
		}
	}
	return path, false
}
