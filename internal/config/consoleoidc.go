package config

import (
	"regexp"
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// ConsoleOIDC is an issuer of OpenID Connect that says who a person is.
type ConsoleOIDC struct {
	Name         string // for people; "" means the issuer's host
	Issuer       string // its URL, exactly as it calls itself
	ClientID     string
	ClientSecret Source // zero: a public client
	Scopes       []string
	GroupsClaim  string                 // of the ID token
	Roles        map[string]ConsoleRole // by group; at least one
	CAFile       string                 // PEM; "" means the system's roots
}

const (
	issuerAdvice = "such as https://login.example.com"
	groupsAdvice = "such as admin: [GROUP], with the names that the issuer gives to groups"
	metadataPath = "/.well-known/openid-configuration"
)

// defaultScopes are asked for where none are named.
var defaultScopes = []string{"openid", "profile", "email", "groups"}

// rawOIDC is an issuer before its parts are held against each other.
type rawOIDC struct {
	ConsoleOIDC
	roles *document.Value
}

var consoleOIDCFields = fields[rawOIDC]{
	{"name", func(_ *loader, r *rawOIDC, v *document.Value) { r.Name = v.Text() }},
	{"issuer", func(_ *loader, r *rawOIDC, v *document.Value) { r.Issuer = issuerURL(v) }},
	{"client_id", func(_ *loader, r *rawOIDC, v *document.Value) { r.ClientID = v.Text() }},
	{"client_secret", func(l *loader, r *rawOIDC, v *document.Value) { r.ClientSecret = l.consoleSource(v) }},
	{"scopes", func(_ *loader, r *rawOIDC, v *document.Value) { r.Scopes = oidcScopes(v) }},
	{"groups_claim", func(_ *loader, r *rawOIDC, v *document.Value) { r.GroupsClaim = v.Text() }},
	{"roles", func(_ *loader, r *rawOIDC, v *document.Value) { r.roles = v }},
	{"ca_file", func(l *loader, r *rawOIDC, v *document.Value) { r.CAFile = l.certificates(v) }},
}

var consoleOIDCRoleFields = fields[ConsoleOIDC]{
	{string(ConsoleViewer), func(_ *loader, o *ConsoleOIDC, v *document.Value) { o.grant(ConsoleViewer, v) }},
	{string(ConsoleOperator), func(_ *loader, o *ConsoleOIDC, v *document.Value) { o.grant(ConsoleOperator, v) }},
	{string(ConsoleAdmin), func(_ *loader, o *ConsoleOIDC, v *document.Value) { o.grant(ConsoleAdmin, v) }},
}

func (l *loader) consoleOIDC(v *document.Value) *ConsoleOIDC {
	raw := rawOIDC{ConsoleOIDC: ConsoleOIDC{Scopes: defaultScopes, GroupsClaim: "groups", Roles: map[string]ConsoleRole{}}}
	consoleOIDCFields.decode(l, v, &raw)
	v.Require("issuer", "client_id")
	o := &raw.ConsoleOIDC
	if raw.roles == nil {
		v.FailIn("roles", groupsAdvice, "is missing")
		return o
	}
	consoleOIDCRoleFields.decode(l, raw.roles, o)
	none := !slices.ContainsFunc(raw.roles.Children(), func(v *document.Value) bool {
		return v.Kind() != document.Null && (v.Kind() != document.List || len(v.Children()) > 0)
	})
	if kind := raw.roles.Kind(); none && (kind == document.Object || kind == document.Null) {
		raw.roles.Fail(groupsAdvice, "must give a role to at least one group")
	}
	return o
}

// grant gives a role to the groups of a list.
func (o *ConsoleOIDC) grant(role ConsoleRole, v *document.Value) {
	for _, item := range v.Items() {
		switch group := item.Text(); {
		case group == "": // said already
		case o.Roles[group] != "":
			item.Fail("a group has one role, which includes those below it", "%q has the role %s already", group, o.Roles[group])
		default:
			o.Roles[group] = role
		}
	}
}

// issuerURL returns the URL of an issuer as it is written, because the issuer's own must be the same to the letter; "" after an
// error.
func issuerURL(v *document.Value) string {
	text := v.Text()
	if text == "" {
		return ""
	}
	u, err := rotation.ParseServer(text)
	switch {
	case err != nil:
		v.FailUnseen(issuerAdvice, "%v", err)
	case !isHost(u.Hostname()) || !isPort(u.Port()):
		v.FailUnseen(issuerAdvice, "%v", rotation.ErrServerURL)
	case strings.HasSuffix(u.Path, metadataPath):
		v.Fail("leave "+metadataPath+" out", "is where the issuer describes itself, and not the issuer")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		v.Fail("use https", "is not a loopback address: what proves who a person is would travel in clear")
	default:
		return text
	}
	return ""
}

// scopeForm is RFC 6749's.
var scopeForm = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]+$`)

func oidcScopes(v *document.Value) []string {
	var scopes []string
	for _, item := range v.Items() {
		switch scope := item.Text(); {
		case scope == "": // said already
		case !scopeForm.MatchString(scope):
			item.Fail("an item for each", "is not a scope")
		case slices.Contains(scopes, scope):
			item.Fail("", "is listed twice")
		default:
			scopes = append(scopes, scope)
		}
	}
	if v.Kind() == document.List && !slices.Contains(scopes, defaultScopes[0]) {
		v.Fail("add openid", "must have openid: without it the issuer does not say who a person is")
	}
	return scopes
}

// consoleSource reads a Source of a console, which has no rights in Vault.
func (l *loader) consoleSource(v *document.Value) Source {
	if in := v.Child("vault"); in != nil {
		in.Fail("use {env: NAME} or {file: PATH}", "a console has no rights in Vault")
		return Source{}
	}
	return l.source(v)
}
