package config

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

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

// Auth is how keyturn logs in to Vault.
type Auth struct {
	Method string // token, approle, kubernetes or jwt
	Mount  string // of the auth method; its own name by default
	Role   string // approle: the role_id; kubernetes and jwt: the role's name
	RoleID Source // approle: where the role_id comes from if Role is ""
	Secret Source // the token, the secret_id or the JWT; kubernetes: zero means the pod's own
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
	{"address", func(*loader, *Store, *value) {}},   // read last, because insecure_http says what it may be
	{"addresses", func(*loader, *Store, *value) {}}, // as above
	{"insecure_http", func(_ *loader, s *Store, v *value) { s.insecureHTTP = v.boolean() }},
	{"namespace", func(_ *loader, s *Store, v *value) { s.Namespace = v.string() }},
	{"mount", func(l *loader, s *Store, v *value) { s.Mount = l.vaultPath(v) }},
	{"journal_mount", func(l *loader, s *Store, v *value) { s.JournalMount = l.vaultPath(v) }},
	{"auth", func(l *loader, s *Store, v *value) { s.Auth = l.auth(v) }},
	{"fields", func(l *loader, s *Store, v *value) { fieldNames.decode(l, v, &s.Fields) }},
	{"ca_file", func(l *loader, s *Store, v *value) { s.CAFile = l.certificates(v) }},
	{"timeout", func(_ *loader, s *Store, v *value) { s.Timeout = v.duration() }},
}

var fieldNames = fields[FieldNames]{
	{"username", func(_ *loader, f *FieldNames, v *value) { f.Username = v.string() }},
	{"password", func(_ *loader, f *FieldNames, v *value) { f.Password = v.string() }},
	{"rotation_id", func(_ *loader, f *FieldNames, v *value) { f.RotationID = v.string() }},
	{"candidate", func(_ *loader, f *FieldNames, v *value) { f.Candidate = v.string() }},
	{"slot", func(_ *loader, f *FieldNames, v *value) { f.Slot = v.string() }},
	{"rotated_at", func(_ *loader, f *FieldNames, v *value) { f.RotatedAt = v.string() }},
	{"journal_version", func(_ *loader, f *FieldNames, v *value) { f.JournalVersion = v.string() }},
	{"verified", func(_ *loader, f *FieldNames, v *value) { f.Verified = v.string() }},
}

// rawVault is the form with several stores; the short form is a single store in place of it.
type rawVault struct{ stores, chosen *value }

var vaultFields = fields[rawVault]{
	{"stores", func(_ *loader, r *rawVault, v *value) { r.stores = v }},
	{"default", func(_ *loader, r *rawVault, v *value) { r.chosen = v }},
}

func (l *loader) vault(v *value) {
	if v.child("stores") == nil {
		l.store(defaultStore, v)
		l.cfg.DefaultStore = defaultStore
		return
	}
	var raw rawVault
	vaultFields.decode(l, v, &raw)
	for _, entry := range raw.stores.entries() {
		if entry.checkName() {
			l.store(entry.name, entry)
		}
	}
	l.checkJournals(raw.stores)
	switch {
	case len(l.cfg.Stores) == 0:
		raw.stores.fail("", "must name at least one")
	case raw.chosen != nil:
		l.cfg.DefaultStore = l.storeName(raw.chosen)
	case len(l.cfg.Stores) == 1:
		for name := range l.cfg.Stores {
			l.cfg.DefaultStore = name
		}
	}
}

func (l *loader) store(name string, v *value) {
	s := &Store{Name: name}
	storeFields.decode(l, v, s)
	v.exactlyOne("address", "addresses")
	v.require("auth")
	s.Mount = cmp.Or(s.Mount, defaultMount)
	s.JournalMount = cmp.Or(s.JournalMount, defaultJournal)
	s.Timeout = cmp.Or(s.Timeout, vaultTimeout)
	if s.Mount == s.JournalMount {
		v.failIn("journal_mount", "consumers must have no rights there", "journals need a mount of their own, not %q too", s.Mount)
	}
	if all := v.addresses(s.insecureHTTP); len(all) > 0 {
		s.Address, s.Nodes = all[0], all[1:]
		s.cluster = l.cluster(all)
	}
	s.location = place(s.cluster, s.Namespace, s.Mount)
	if name := s.Fields.Twice(); name != "" {
		v.failIn("fields", "", "two of them are called %q", name)
	}
	l.cfg.Stores[name] = s
}

// checkJournals reports journals that would stand where consumers of another store read.
func (l *loader) checkJournals(stores *value) {
	for _, journal := range l.cfg.Stores {
		for _, name := range keysOf(l.cfg.Stores) {
			if name != journal.Name && l.cfg.Stores[name].location == place(journal.cluster, journal.Namespace, journal.JournalMount) {
				stores.failIn(journal.Name+".journal_mount", "journals need a mount of their own", "is the mount of store %s", name)
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
func (v *value) addresses(insecure bool) []string {
	if one := v.child("address"); one != nil {
		return []string{one.baseURL(insecure)}
	}
	several := v.child("addresses")
	if several == nil {
		return nil // said already
	}
	var all []string
	for _, item := range several.items() {
		address := item.baseURL(insecure)
		switch {
		case address == "":
		case slices.Contains(all, address):
			item.fail("", "is listed twice")
		case len(all) > 0 && pathOf(all[0]) != pathOf(address):
			item.fail("", "must have the path of the first one")
		default:
			all = append(all, address)
		}
	}
	if len(all) == 0 && several.kind == list {
		several.fail("", "must name at least one")
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
func (l *loader) storeName(v *value) string {
	name := v.string()
	if s, ok := l.cfg.Stores[name]; ok {
		return s.Name // not a part of the line that it was read from
	}
	if name != "" {
		v.fail(nearest(name, keysOf(l.cfg.Stores)), "no store %q", name)
	}
	return name
}

// baseURL returns an address without the slash at its end. Plain http is only for what says so: passwords go there.
func (v *value) baseURL(insecure bool) string {
	text := v.string()
	if text == "" {
		return ""
	}
	u, err := rotation.ParseServer(text)
	switch {
	case errors.Is(err, rotation.ErrServerURL):
		v.failUnseen("such as https://host:8200", "%v", err)
	case errors.Is(err, rotation.ErrServerUser):
		v.failUnseen("keys have their own fields", "%v", err)
	case err != nil:
		v.failUnseen("", "%v", err)
	case u.Scheme == "http" && !insecure:
		v.fail("use https, or set insecure_http: true beside it for a test", "sends passwords in clear")
	}
	return strings.TrimRight(text, "/")
}
