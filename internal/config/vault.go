package config

import (
	"cmp"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// Store is one Vault, or one namespace of it, with the two mounts that keyturn uses there.
type Store struct {
	Name         string
	Address      string   // "https://vault:8200"
	Nodes        []string // more addresses of the same cluster
	Namespace    string
	Mount        string // KV v2 engine that consumers read
	JournalMount string // KV v2 engine of the journals
	Auth         Auth
	Fields       FieldNames
	CAFile       string        // PEM; "" means the system's roots
	Timeout      time.Duration // of one read or write

	insecureHTTP bool
	cluster      string // tells Vaults apart, however many addresses they have
	location     string // tells places apart: two stores may mean one mount of one Vault
}

// Equal tells whether two configurations mean the same store in the same way, wherever in their files they say so.
func (s *Store) Equal(other *Store) bool { return reflect.DeepEqual(s.placeless(), other.placeless()) }

func (s *Store) placeless() Store {
	bare := *s
	bare.Auth.RoleFrom, bare.Auth.Secret = bare.Auth.RoleFrom.placeless(), bare.Auth.Secret.placeless()
	return bare
}

// Auth is how keyturn logs in to Vault.
type Auth struct {
	Method string // token, approle, kubernetes or jwt
	Mount  string // of the auth method; its own name by default
	Role   string // approle: the role_id; kubernetes and jwt: the role's name
	// RoleFrom is where Role comes from if it is "".
	RoleFrom Source
	Secret   Source // the token, the secret_id or the JWT; kubernetes: zero means the pod's own
	// Wrapped says that the file of Secret holds no secret_id but the token of a response that wraps one.
	Wrapped bool
}

// FieldNames are the names of the fields of a secret.
type FieldNames = rotation.FieldNames

const (
	defaultStore   = "default"
	defaultMount   = "secret"
	defaultJournal = "keyturn-journal"
	vaultTimeout   = 10 * time.Second
)

var storeFields = fields[Store]{
	{"address", func(*loader, *Store, *document.Value) {}},   // read last, because insecure_http says what it may be
	{"addresses", func(*loader, *Store, *document.Value) {}}, // as above
	{"insecure_http", func(_ *loader, s *Store, v *document.Value) { s.insecureHTTP = v.Boolean() }},
	{"namespace", func(_ *loader, s *Store, v *document.Value) { s.Namespace = v.Text() }},
	{"mount", func(l *loader, s *Store, v *document.Value) { s.Mount = l.vaultPath(v) }},
	{"journal_mount", func(l *loader, s *Store, v *document.Value) { s.JournalMount = l.vaultPath(v) }},
	{"auth", func(l *loader, s *Store, v *document.Value) { s.Auth = l.auth(v) }},
	{"fields", func(l *loader, s *Store, v *document.Value) { fieldNames.decode(l, v, &s.Fields) }},
	{"ca_file", func(l *loader, s *Store, v *document.Value) { s.CAFile = l.certificates(v) }},
	{"timeout", func(_ *loader, s *Store, v *document.Value) { s.Timeout = v.Duration() }},
}

var fieldNames = fields[FieldNames]{
	{"username", func(_ *loader, f *FieldNames, v *document.Value) { f.Username = v.Text() }},
	{"password", func(_ *loader, f *FieldNames, v *document.Value) { f.Password = v.Text() }},
	{"target", func(_ *loader, f *FieldNames, v *document.Value) { f.Target = v.Text() }},
	{"identity", func(_ *loader, f *FieldNames, v *document.Value) { f.Identity = v.Text() }},
	{"rotation_id", func(_ *loader, f *FieldNames, v *document.Value) { f.RotationID = v.Text() }},
	{"candidate", func(_ *loader, f *FieldNames, v *document.Value) { f.Candidate = v.Text() }},
	{"slot", func(_ *loader, f *FieldNames, v *document.Value) { f.Slot = v.Text() }},
	{"rotated_at", func(_ *loader, f *FieldNames, v *document.Value) { f.RotatedAt = v.Text() }},
	{"journal_version", func(_ *loader, f *FieldNames, v *document.Value) { f.JournalVersion = v.Text() }},
	{"verified", func(_ *loader, f *FieldNames, v *document.Value) { f.Verified = v.Text() }},
}

// rawVault is the form with several stores; the short form is a single store in place of it.
type rawVault struct{ stores, chosen *document.Value }

var vaultFields = fields[rawVault]{
	{"stores", func(_ *loader, r *rawVault, v *document.Value) { r.stores = v }},
	{"default", func(_ *loader, r *rawVault, v *document.Value) { r.chosen = v }},
}

func (l *loader) vault(v *document.Value) {
	if v.Child("stores") == nil {
		l.store(defaultStore, v)
		l.cfg.DefaultStore = defaultStore
		return
	}
	var raw rawVault
	vaultFields.decode(l, v, &raw)
	for _, entry := range raw.stores.Entries() {
		if checkName(entry) {
			l.store(entry.Name(), entry)
		}
	}
	l.checkJournals(raw.stores)
	switch {
	case len(l.cfg.Stores) == 0:
		raw.stores.Fail("", "must name at least one")
	case raw.chosen != nil:
		l.cfg.DefaultStore = l.storeName(raw.chosen)
	case len(l.cfg.Stores) == 1:
		for name := range l.cfg.Stores {
			l.cfg.DefaultStore = name
		}
	}
}

func (l *loader) store(name string, v *document.Value) {
	s := &Store{Name: name}
	storeFields.decode(l, v, s)
	v.ExactlyOne("address", "addresses")
	v.Require("auth")
	s.Mount = cmp.Or(s.Mount, defaultMount)
	s.JournalMount = cmp.Or(s.JournalMount, defaultJournal)
	s.Timeout = cmp.Or(s.Timeout, vaultTimeout)
	if s.Mount == s.JournalMount {
		v.FailIn("journal_mount", "consumers must have no rights there", "journals need a mount of their own, not %q too", s.Mount)
	}
	if all := addresses(v, s.insecureHTTP); len(all) > 0 {
		s.Address, s.Nodes = all[0], all[1:]
		s.cluster = l.cluster(all)
	}
	s.location = place(s.cluster, s.Namespace, s.Mount)
	if name := s.Fields.Twice(); name != "" {
		v.FailIn("fields", "", "two of them are called %q", name)
	}
	l.cfg.Stores[name] = s
}

// checkJournals reports journals that would stand where consumers of another store read.
func (l *loader) checkJournals(stores *document.Value) {
	for _, journal := range l.cfg.Stores {
		for _, name := range keysOf(l.cfg.Stores) {
			if name != journal.Name && l.cfg.Stores[name].location == place(journal.cluster, journal.Namespace, journal.JournalMount) {
				stores.FailIn(journal.Name+".journal_mount", "journals need a mount of their own", "is the mount of store %s", name)
			}
		}
	}
}

// place tells places in Vault apart.
func place(cluster, namespace, mount string) string {
	return strings.Join([]string{cluster, namespace, mount}, "\x00")
}

// cluster names the Vault at addresses: as an earlier store does that has one of them too.
func (l *loader) cluster(addresses []string) string {
	for _, name := range keysOf(l.cfg.Stores) {
		s := l.cfg.Stores[name]
		if slices.ContainsFunc(addresses, func(address string) bool { return address == s.Address || slices.Contains(s.Nodes, address) }) {
			return s.cluster
		}
	}
	return addresses[0]
}

// addresses returns where the Vault of a store is, one at least unless an error was reported.
func addresses(v *document.Value, insecure bool) []string {
	if one := v.Child("address"); one != nil {
		return []string{baseURL(one, insecure)}
	}
	several := v.Child("addresses")
	if several == nil {
		return nil // said already
	}
	var all []string
	for _, item := range several.Items() {
		address := baseURL(item, insecure)
		switch {
		case address == "":
		case slices.Contains(all, address):
			item.Fail("", "is listed twice")
		case len(all) > 0 && pathOf(all[0]) != pathOf(address):
			item.Fail("", "must have the path of the first one")
		default:
			all = append(all, address)
		}
	}
	if len(all) == 0 && several.Kind() == document.List {
		several.Fail("", "must name at least one")
	}
	return all
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // said already
	}
	return u.Path
}

// storeName returns the name of a store that exists.
func (l *loader) storeName(v *document.Value) string {
	name := v.Text()
	if s, ok := l.cfg.Stores[name]; ok {
		return s.Name // not a part of the line that it was read from
	}
	if name != "" {
		v.Fail(document.Nearest(name, keysOf(l.cfg.Stores)), "no store %q", name)
	}
	return name
}

// baseURL returns an address without the slash at its end. Plain http is only for what says so: passwords go there.
func baseURL(v *document.Value, insecure bool) string {
	text := v.Text()
	if text == "" {
		return ""
	}
	u, err := rotation.ParseServer(text)
	switch {
	case errors.Is(err, rotation.ErrServerURL):
		v.FailUnseen("such as https://host:8200", "%v", err)
	case errors.Is(err, rotation.ErrServerUser):
		v.FailUnseen("keys have their own fields", "%v", err)
	case err != nil:
		v.FailUnseen("", "%v", err)
	case u.Scheme == "http" && !insecure:
		v.Fail("use https, or set insecure_http: true beside it for a test", "sends passwords in clear")
	}
	return strings.TrimRight(text, "/")
}
