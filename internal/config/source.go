package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/secret"
)

// Source is where a secret of keyturn's own (a management key, a token) comes from. It is read by Config.Read and
// Config.ResolveKeys, never while the file is loaded, so that a configuration can be checked without its secrets.
// Exactly one of Env, File and Vault is set; the zero Source is none at all. Line ends at the end of what stands there are cut
// off, and a byte order mark before it, wherever it stands.
type Source struct {
	Env   string // name of an environment variable
	File  string // path
	Vault VaultRef

	pos document.Error // file, line, column and field
}

// VaultRef is a field of a KV v2 secret.
type VaultRef struct {
	Store string // one of Config.Stores
	Path  string // below the store's mount
	Field string
}

// IsZero reports whether no source was given.
func (s Source) IsZero() bool { return s.Env == "" && s.File == "" && s.Vault == VaultRef{} }

// placeless is the source without where the configuration names it.
func (s Source) placeless() Source {
	s.pos = document.Error{}
	return s
}

// String names the source, not what is there.
func (s Source) String() string {
	switch {
	case s.Env != "":
		return "environment variable " + s.Env
	case s.File != "":
		return "file " + s.File
	case s.Vault != VaultRef{}:
		return "Vault " + s.Vault.Store + ":" + s.Vault.Path + "#" + s.Vault.Field
	}
	return "nothing"
}

// ErrSkip is for a Fetch that leaves a field out: the key is missing from what ResolveKeys returns, and is no error.
var ErrSkip = errors.New("not asked")

// Fetch reads one field from Vault. Its errors must not hold the secret.
type Fetch func(ctx context.Context, ref VaultRef) (secret.Value, error)

// Read returns what stands at the source now; files may be replaced while keyturn runs. Errors are *document.Error values with
// the position of the source in the configuration. fetch may be nil where the source is not in Vault.
func (s Source) Read(ctx context.Context, fetch Fetch) (secret.Value, error) {
	value, problem := s.locate(ctx, fetch, nil)
	if problem != nil {
		return secret.Value{}, problem
	}
	return value, nil
}

// ResolveKeys reads the management keys of the named accounts, of all where none is named: values by account and name.
// What cannot be read is a *document.Errors that names them all.
func (c *Config) ResolveKeys(ctx context.Context, fetch Fetch, accounts ...string) (map[string]map[string]secret.Value, error) {
	missing := document.NewProblems(c.Files...)
	keys := make(map[string]map[string]secret.Value, len(c.Accounts))
	for name, account := range c.Accounts {
		if len(accounts) > 0 && !slices.Contains(accounts, name) {
			continue
		}
		keys[name] = make(map[string]secret.Value, len(account.Keys))
		for key, source := range account.Keys {
			value, problem := source.locate(ctx, fetch, secret.Value.CheckHeader)
			if problem != nil {
				missing.Add(problem)
			}
			if !value.IsZero() {
				keys[name][key] = value
			}
		}
	}
	return keys, missing.Err()
}

// locate reads the source and gives an error its position. fit may say what is wrong with the value.
func (s Source) locate(ctx context.Context, fetch Fetch, fit func(secret.Value) error) (secret.Value, *document.Error) {
	value, hint, err := s.read(ctx, fetch)
	value = value.Trim()
	switch {
	case errors.Is(err, ErrSkip):
		return secret.Value{}, nil
	case err != nil:
	case value.IsZero():
		err = fmt.Errorf("%s is empty", s)
	case fit != nil:
		if unfit := fit(value); unfit != nil {
			hint, err = "an HTTP header has to carry it", fmt.Errorf("%s: %w", s, unfit)
		}
	}
	if err != nil {
		e := s.pos
		e.Message, e.Hint = err.Error(), hint
		return secret.Value{}, &e
	}
	return value, nil
}

func (s Source) read(ctx context.Context, fetch Fetch) (value secret.Value, hint string, err error) {
	switch {
	case s.Env != "":
		text, ok := os.LookupEnv(s.Env)
		if !ok {
			return secret.Value{}, "export it, or use {file: PATH}", fmt.Errorf("%s is not set", s)
		}
		return secret.New(text), "", nil
	case strings.HasPrefix(s.File, unitFiles):
		return secret.Value{}, "only a unit of systemd has it: see deploy/systemd", fmt.Errorf("%s: CREDENTIALS_DIRECTORY is not set", s)
	case s.File != "":
		value, err := secret.ReadFile(s.File)
		return value, "", err
	case s.Vault != VaultRef{}:
		if fetch == nil {
			return secret.Value{}, "use {env: NAME} or {file: PATH}", fmt.Errorf("%s cannot be asked for this", s)
		}
		value, err := fetch(ctx, s.Vault)
		return value, "", err
	}
	return secret.Value{}, "", fmt.Errorf("no source is configured")
}

// rawSource is a source before its store is known to exist.
type rawSource struct {
	env, file    string
	vault, store *document.Value
}

var sourceFields = fields[rawSource]{
	{"env", func(_ *loader, s *rawSource, v *document.Value) { s.env = v.Text() }},
	{"file", func(l *loader, s *rawSource, v *document.Value) { s.file = l.file(v) }},
	{"vault", func(_ *loader, s *rawSource, v *document.Value) { s.vault = v }},
	{"store", func(_ *loader, s *rawSource, v *document.Value) { s.store = v }},
}

// source reads a Source. Whatever stands there instead of one is not repeated: it may be the secret itself.
func (l *loader) source(v *document.Value) Source {
	if v.Kind() != document.Object {
		v.FailUnseen("secrets do not stand here: {env: NAME}, {file: PATH} or {vault: path#field}", "must be a source, not %s", v.Kind())
		return Source{}
	}
	var raw rawSource
	sourceFields.decode(l, v, &raw)
	v.ExactlyOne("env", "file", "vault")
	s := Source{Env: raw.env, File: raw.file, pos: v.Place()}
	switch {
	case raw.vault != nil:
		s.Vault = l.vaultRef(raw.vault, raw.store)
	case raw.store != nil:
		raw.store.Fail("", "only goes with vault")
	}
	return s
}

// localSource reads a Source of something that is needed before Vault can be asked.
func (l *loader) localSource(v *document.Value) Source {
	if in := v.Child("vault"); in != nil {
		in.Fail("use {env: NAME} or {file: PATH}", "Vault cannot be asked for this: it is needed before Vault")
		return Source{}
	}
	return l.source(v)
}

// unitFiles is how a path begins that is among the files which systemd hands to a unit (LoadCredential).
const unitFiles = "$CREDENTIALS_DIRECTORY/"

// file returns a path relative to the configuration file. Where no unit runs, a path among a unit's files stays as it is
// written, so that a configuration can be checked anywhere.
func (l *loader) file(v *document.Value) string {
	path := v.Text()
	within, ofUnit := strings.CutPrefix(path, unitFiles)
	switch {
	case path == "":
		return ""
	case ofUnit && os.Getenv("CREDENTIALS_DIRECTORY") == "":
		return path
	case ofUnit:
		return filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), within)
	case strings.HasPrefix(path, "$"):
		v.Fail("a path, or "+unitFiles+"NAME", "variables in paths are not replaced")
		return ""
	case filepath.IsAbs(path):
		return filepath.Clean(path)
	}
	return filepath.Join(l.dir, path)
}

func (l *loader) vaultRef(v, store *document.Value) VaultRef {
	ref := VaultRef{Store: l.cfg.DefaultStore}
	if store != nil {
		ref.Store = l.storeName(store)
	} else if ref.Store == "" {
		v.Fail("add store: NAME", "there is no default store")
	}
	path, field, ok := strings.Cut(v.Text(), "#")
	if !ok || field == "" {
		v.FailUnseen("such as keys/tencent#secret_key", "names no field")
	}
	l.checkPath(v, path)
	l.checkBelow(v, path, l.cfg.Stores[ref.Store])
	ref.Path, ref.Field = path, field
	return ref
}
