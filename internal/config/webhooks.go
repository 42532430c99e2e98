package config

import (
	"net/url"
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// Webhook is an address that is told what happens.
type Webhook struct {
	Name   string
	URL    *url.URL // https, or http where it stays on this machine
	CAFile string   // PEM of who certifies it; "" means the system's roots
	Secret Source   // as Standard Webhooks writes one: whsec_ and base64
	Events []string // types; nil: all
	// Accounts and Marks are whose events it is told; nil: whosever.
	Accounts []string
	Marks    *rotation.Marks
	// OnlyNotified is told of nothing but the rotations of those credentials whose notify names it.
	OnlyNotified bool
}

// EventTypes are the types of events that a webhook may ask for (docs/events.md).
var EventTypes = []string{
	"rotated", "quarantined", "released", "abandoned", "promoted_unverified", "verifier_away", "repair_refused", "stale_read", "path_reset",
	"secret_deleted", "identity_not_retired", "identities_full", "identity_missed", "mail_server_sick", "mail_server_well", "leak_searched", "frozen", "thawed", "asked",
	"commands_unserved",
}

const webhookAdvice = "such as https://hooks.example.com/keyturn"

// rawWebhook is a webhook before its parts are held against each other.
type rawWebhook struct {
	Webhook
	match *document.Value
}

var webhookFields = fields[rawWebhook]{
	{"url", func(_ *loader, w *rawWebhook, v *document.Value) { w.URL = webhookURL(v) }},
	{"ca_file", func(l *loader, w *rawWebhook, v *document.Value) { w.CAFile = l.certificates(v) }},
	{"secret", func(l *loader, w *rawWebhook, v *document.Value) { w.Secret = l.source(v) }},
	{"events", func(_ *loader, w *rawWebhook, v *document.Value) { w.Events = eventTypes(v) }},
	{"match", func(_ *loader, w *rawWebhook, v *document.Value) { w.match = v }},
	{"only_notified", func(_ *loader, w *rawWebhook, v *document.Value) { w.OnlyNotified = v.Boolean() }},
}

// rawMatch is whose events a webhook is told.
type rawMatch struct{ accounts, owner, labels *document.Value }

var matchFields = fields[rawMatch]{
	{"accounts", func(_ *loader, m *rawMatch, v *document.Value) { m.accounts = v }},
	{"owner", func(_ *loader, m *rawMatch, v *document.Value) { m.owner = v }},
	{"labels", func(_ *loader, m *rawMatch, v *document.Value) { m.labels = v }},
}

// webhook reads one webhook but for whose events it is told: accounts are read later.
func (l *loader) webhook(v *document.Value) {
	raw := rawWebhook{Webhook: Webhook{Name: v.Name()}}
	webhookFields.decode(l, v, &raw)
	v.Require("url", "secret")
	for _, field := range []string{"events", "match"} {
		if given := v.Child(field); given != nil && raw.OnlyNotified {
			given.Fail("leave it out, or leave out only_notified", "does not go with only_notified, which is told of nothing that notify does not name")
		}
	}
	l.cfg.Webhooks[raw.Name] = &raw.Webhook
	l.webhooks = append(l.webhooks, &raw)
}

// matchWebhooks reads whose events webhooks are told.
func (l *loader) matchWebhooks() {
	for _, raw := range l.webhooks {
		if raw.match == nil || !raw.match.Is(document.Object) {
			continue
		}
		var m rawMatch
		matchFields.decode(l, raw.match, &m)
		if m.accounts != nil {
			if m.accounts.Kind() == document.List && len(m.accounts.Children()) == 0 {
				m.accounts.Fail("leave it out for all of them", "must name at least one account")
			}
			for _, item := range m.accounts.Items() {
				if account := l.accountName(item); account != nil {
					raw.Accounts = append(raw.Accounts, account.Name)
				}
			}
		}
		if raw.Marks = l.marks(nil, m.owner, m.labels); raw.Marks == nil && m.accounts == nil {
			raw.match.Fail("leave it out to be told of all", "is empty")
		}
	}
}

// webhookURL returns where messages go, nil after an error. It is shown nowhere: receivers have their own secrets in it.
func webhookURL(v *document.Value) *url.URL {
	text := v.Text()
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || strings.HasSuffix(u.Host, ":") || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" || !isHost(u.Hostname()) || !isPort(u.Port()):
		v.FailUnseen(webhookAdvice, "is not an address of a web server")
	case u.User != nil:
		v.FailUnseen("receivers know keyturn by the signature", "must have no user and password")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		v.FailUnseen("use https", "is sent in clear")
	default:
		return u
	}
	return nil
}

func eventTypes(v *document.Value) []string {
	types := []string{}
	for _, item := range v.Items() {
		switch name := item.Text(); {
		case name == "": // said
		case !slices.Contains(EventTypes, name):
			item.Fail(document.Nearest(name, EventTypes), "%q is no type of event", name)
		default:
			types = append(types, name)
		}
	}
	if v.Kind() == document.List && len(v.Children()) == 0 {
		v.Fail("leave it out for all of them", "must name at least one type")
	}
	return types
}
