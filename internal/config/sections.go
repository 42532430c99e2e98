package config

import (
	"keyturn/internal/config/document"
	"keyturn/internal/policy"
)

// sections are the parts of keyturn.yaml. They refer to each other, so they are read in an order of ours.
type sections struct {
	redis, vault, timing, schedules, policies, defaults *document.Value
	accounts, credentials, include, verifications       *document.Value
	providerFiles, freezes                              *document.Value
	webhooks                                            *document.Value
	console                                             *document.Value // nil: there is none
}

var sectionFields = fields[sections]{
	{"redis", func(_ *loader, s *sections, v *document.Value) { s.redis = v }},
	{"vault", func(_ *loader, s *sections, v *document.Value) { s.vault = v }},
	{"provider_files", func(_ *loader, s *sections, v *document.Value) { s.providerFiles = v }},
	{"accounts", func(_ *loader, s *sections, v *document.Value) { s.accounts = v }},
	{"policies", func(_ *loader, s *sections, v *document.Value) { s.policies = v }},
	{"schedules", func(_ *loader, s *sections, v *document.Value) { s.schedules = v }},
	{"defaults", func(_ *loader, s *sections, v *document.Value) { s.defaults = v }},
	{"credentials", func(_ *loader, s *sections, v *document.Value) { s.credentials = v }},
	{"include", func(_ *loader, s *sections, v *document.Value) { s.include = v }},
	{"verifications", func(_ *loader, s *sections, v *document.Value) { s.verifications = v }},
	{"freezes", func(_ *loader, s *sections, v *document.Value) { s.freezes = v }},
	{"timing", func(_ *loader, s *sections, v *document.Value) { s.timing = v }},
	{"webhooks", func(_ *loader, s *sections, v *document.Value) { s.webhooks = v }},
	{"console", func(_ *loader, s *sections, v *document.Value) { s.console = v }},
}

func (l *loader) main(root *document.Value) { l.read(l.sections(root)) }

// read reads the sections in the order in which they refer to each other.
func (l *loader) read(s *sections) {
	l.settings(s)
	for _, item := range s.credentials.Items() {
		l.credential(item)
	}
	l.include(s.include)
	l.manage()
	for _, entry := range s.verifications.Entries() {
		l.verification(entry)
	}
	for _, entry := range s.freezes.Entries() {
		l.freeze(entry)
	}
}

// sections takes the configuration apart.
func (l *loader) sections(root *document.Value) *sections {
	s := &sections{}
	sectionFields.decode(l, root, s)
	l.noPolicy = &userPolicy{spec: policy.Spec{Name: "default"}, at: root}
	root.Require("redis", "vault", "accounts")
	for name, section := range map[string]**document.Value{
		"redis": &s.redis, "vault": &s.vault, "timing": &s.timing, "schedules": &s.schedules, "policies": &s.policies,
		"defaults": &s.defaults, "accounts": &s.accounts, "credentials": &s.credentials, "include": &s.include,
		"verifications": &s.verifications, "provider_files": &s.providerFiles, "freezes": &s.freezes,
		"webhooks": &s.webhooks,
	} {
		if *section == nil {
			*section = root.Missing(name)
		}
	}
	return s
}

// settings reads everything but the credentials and the jobs.
func (l *loader) settings(s *sections) {
	for _, entry := range s.schedules.Entries() {
		l.namedSchedule(entry)
	}
	l.timing(s.timing)
	if s.redis.Kind() != document.Null {
		l.redis(s.redis)
	}
	if s.vault.Kind() != document.Null {
		l.vault(s.vault)
	}
	if s.console != nil {
		l.console(s.console)
	}
	for _, entry := range s.policies.Entries() {
		if checkName(entry) {
			l.policy(entry)
		}
	}
	for _, entry := range s.webhooks.Entries() {
		if checkName(entry) {
			l.webhook(entry)
		}
	}
	var given layer
	defaultFields.decode(l, s.defaults, &given)
	l.describe(s.providerFiles)
	l.defaults = l.inherit(inherited{store: l.cfg.DefaultStore}, given, nil)
	for _, entry := range s.accounts.Entries() {
		if checkName(entry) {
			l.account(entry)
		}
	}
	l.matchWebhooks()
	l.checkTiming(s.timing)
}
