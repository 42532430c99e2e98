package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"keyturn/internal/policy"
	"keyturn/internal/rotation"
)

// Load reads and checks the configuration at path, with everything that it includes. providers are all that an account
// may name. What is wrong is an *Errors.
func Load(path string, providers []rotation.Provider) (*Config, error) {
	return newLoader(path, providers, &Config{}).load()
}

// load reads everything. After an error cfg still has the names of all files that were to be read.
func (l *loader) load() (*Config, error) {
	if root := l.root(l.cfg.origin.path); root != nil {
		l.main(root)
	}
	if err := l.problems.err(); err != nil {
		return nil, err
	}
	l.cfg.Warnings = l.problems.sorted(l.problems.warnings)
	l.cfg.fingerprint = l.cfg.sum()
	return l.cfg, nil
}

// loader is what one Load knows.
type loader struct {
	cfg       *Config
	before    *Config
	problems  *problems
	dir       string // of the configuration file: what its paths are relative to
	providers map[string]*rotation.Provider

	schedules map[string]*userSchedule // by the user's names
	policies  map[string]*userPolicy
	defaults  inherited
	inherits  map[*Account]inherited // what the credentials of an account start from

	noPolicy        *userPolicy // where none is named
	resolved        map[policyKey]*policy.Policy
	spelled         map[string]*userSchedule // by what they say
	verifications   map[verification]*rotation.Verification
	mailRates       map[string]rotation.Rate // by address of the mail server
	mailRatesDiffer map[string]bool
	blamed          map[blame]bool      // faults of a verification that an account was told of
	accountValues   map[*Account]*value // where each stands
	repeated        map[*Store]bool     // a path repeats the mount, and that was said
	targets         index               // of credentials
	places          index
	same            comparison // with before
	current         uint32     // the file that is being read, in Config.Files
}

// newLoader makes a loader; before is the configuration that the new one will replace.
func newLoader(path string, providers []rotation.Provider, before *Config) *loader {
	l := &loader{
		cfg: &Config{
			Stores: map[string]*Store{}, Accounts: map[string]*Account{},
			origin: origin{path: path, providers: providers},
		},
		before: before, same: newComparison(), problems: &problems{}, dir: filepath.Dir(path), providers: map[string]*rotation.Provider{},
		schedules: map[string]*userSchedule{}, policies: map[string]*userPolicy{}, inherits: map[*Account]inherited{},
		resolved: map[policyKey]*policy.Policy{}, spelled: map[string]*userSchedule{},
		verifications: map[verification]*rotation.Verification{},
		mailRates:     map[string]rotation.Rate{}, mailRatesDiffer: map[string]bool{},
		blamed: map[blame]bool{}, accountValues: map[*Account]*value{}, repeated: map[*Store]bool{},
	}
	for i := range providers {
		l.providers[providers[i].Code] = &providers[i]
	}
	return l
}

// sections are the parts of keyturn.yaml. They refer to each other, so they are read in an order of ours.
type sections struct {
	redis, vault, timing, schedules, policies, defaults *value
	accounts, credentials, include, verifications       *value
}

var sectionFields = fields[sections]{
	{"redis", func(_ *loader, s *sections, v *value) { s.redis = v }},
	{"vault", func(_ *loader, s *sections, v *value) { s.vault = v }},
	{"accounts", func(_ *loader, s *sections, v *value) { s.accounts = v }},
	{"policies", func(_ *loader, s *sections, v *value) { s.policies = v }},
	{"schedules", func(_ *loader, s *sections, v *value) { s.schedules = v }},
	{"defaults", func(_ *loader, s *sections, v *value) { s.defaults = v }},
	{"credentials", func(_ *loader, s *sections, v *value) { s.credentials = v }},
	{"include", func(_ *loader, s *sections, v *value) { s.include = v }},
	{"verifications", func(_ *loader, s *sections, v *value) { s.verifications = v }},
	{"timing", func(_ *loader, s *sections, v *value) { s.timing = v }},
}

// root reads the configuration file itself; nil after an error.
func (l *loader) root(path string) *value {
	doc := l.open(path)
	data, err := os.ReadFile(path)
	if err != nil {
		doc.failFile(position{}, "", "%v", cause(err))
		return nil
	}
	return parseRoot(doc, data)
}

// parseRoot returns what a YAML file holds, an empty map if that is nothing; nil after an error.
func parseRoot(doc *document, data []byte) *value {
	node, ok := parseYAML(doc, data)
	if !ok {
		return nil
	}
	root := &value{doc: doc, at: position{1, 1}, kind: object}
	if node != nil {
		(&yamlValues{doc: doc}).convert(node, root, 0, false)
	}
	return root
}

// open notes that a file is read from here on.
func (l *loader) open(path string) *document {
	l.problems.opened(path)
	l.current = uint32(len(l.cfg.Files)) //nolint:gosec // a number of files
	l.cfg.Files = append(l.cfg.Files, path)
	return &document{file: path, problems: l.problems}
}

func (l *loader) main(root *value) {
	s := sections{}
	sectionFields.decode(l, root, &s)
	l.noPolicy = &userPolicy{spec: policy.Spec{Name: "default"}, at: root}
	root.require("redis", "vault", "accounts")
	for name, section := range map[string]**value{
		"redis": &s.redis, "vault": &s.vault, "timing": &s.timing, "schedules": &s.schedules, "policies": &s.policies,
		"defaults": &s.defaults, "accounts": &s.accounts, "credentials": &s.credentials, "include": &s.include,
		"verifications": &s.verifications,
	} {
		if *section == nil {
			*section = &value{doc: root.doc, parent: root, name: name, at: root.at}
		}
	}
	l.settings(&s)
	for _, item := range s.credentials.items() {
		l.credential(item)
	}
	l.include(s.include)
	for _, entry := range s.verifications.entries() {
		l.verification(entry)
	}
}

// settings reads everything but the credentials and the jobs.
func (l *loader) settings(s *sections) {
	for _, entry := range s.schedules.entries() {
		l.namedSchedule(entry)
	}
	l.timing(s.timing)
	if s.redis.kind != null {
		l.redis(s.redis)
	}
	if s.vault.kind != null {
		l.vault(s.vault)
	}
	for _, entry := range s.policies.entries() {
		if entry.checkName() {
			l.policy(entry)
		}
	}
	var given layer
	defaultFields.decode(l, s.defaults, &given)
	l.defaults = l.inherit(inherited{store: l.cfg.DefaultStore}, given, nil)
	for _, entry := range s.accounts.entries() {
		if entry.checkName() {
			l.account(entry)
		}
	}
	l.checkTiming(s.timing)
}

// keysOf returns the keys of a map in order.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
