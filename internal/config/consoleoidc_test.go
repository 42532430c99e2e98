package config_test

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/config/document"
)

// oneIssuer is what an issuer must have but for its URL.
const oneIssuer = "client_id: keyturn, roles: {viewer: [all]}"

func TestAnIssuerIsWhatItsSectionSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := mustLoad(t, dir, base+`
console:
  url: https://keyturn.example.com
  behind_proxy: true
  oidc:
    name: Example
    issuer: https://Login.example.com/realms/mail/
    client_id: keyturn
    client_secret: {file: oidc-secret}
    scopes: [openid, email]
    groups_claim: https://example.com/groups
    roles: {admin: [keyturn-admins], operator: [mail, "CN=ops,DC=example"], viewer: [all]}
    ca_file: ca.pem
`).Console.OIDC
	if o.Name != "Example" || o.Issuer != "https://Login.example.com/realms/mail/" || o.ClientID != "keyturn" || o.GroupsClaim != "https://example.com/groups" ||
		o.ClientSecret.File != filepath.Join(dir, "oidc-secret") || o.CAFile != filepath.Join(dir, "ca.pem") || !slices.Equal(o.Scopes, []string{"openid", "email"}) {
		t.Errorf("%+v", o)
	}
	want := map[string]config.ConsoleRole{"keyturn-admins": config.ConsoleAdmin, "mail": config.ConsoleOperator, "CN=ops,DC=example": config.ConsoleOperator, "all": config.ConsoleViewer}
	if !maps.Equal(o.Roles, want) {
		t.Errorf("%v", o.Roles)
	}
}

func TestAnIssuerNeedsLittle(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, t.TempDir(), base+"console: {oidc: {issuer: 'http://127.0.0.1:5556/dex', "+oneIssuer+"}}\n").Console
	o := c.OIDC
	if len(c.Tokens) != 0 || o.Name != "" || !o.ClientSecret.IsZero() || o.GroupsClaim != "groups" || !slices.Equal(o.Scopes, []string{"openid", "profile", "email", "groups"}) {
		t.Errorf("%+v", o)
	}
}

func TestAnIssuerIsReachedWhereNoOtherCanListen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://login.example.com":                                   "is not a loopback address",
		"http://localhost.example.com":                               "is not a loopback address",
		"https://u:hunter2@login.example.com":                        "must not hold a user name or password",
		"https://login.example.com?hunter2=1":                        "must have no query",
		"login.example.com":                                          "is not the URL of a server",
		"https://login.example.com:0":                                "is not the URL of a server",
		"https://login.example.com/.well-known/openid-configuration": "is where the issuer describes itself",
	} {
		_, err := load(t, t.TempDir(), base+"console: {oidc: {issuer: '"+text+"', "+oneIssuer+"}}\n")
		var all *document.Errors
		if !errors.As(err, &all) || all.Total != 1 || !strings.Contains(err.Error(), "keyturn.yaml:12:") ||
			!strings.Contains(err.Error(), ": console.oidc.issuer: "+want) || all.List[0].Hint == "" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// TestAClientSecretInTheWrongPlaceIsNotShown writes one wherever a user might by mistake.
func TestAClientSecretInTheWrongPlaceIsNotShown(t *testing.T) {
	t.Parallel()
	const canary = "hunter2hunter2"
	for _, secret := range []string{"client_secret: " + canary, "client_secret: [" + canary + "]", "client_secret: {value: " + canary + "}", "secret: " + canary} {
		got := render(t, t.TempDir(), base+"console: {oidc: {issuer: https://login.example.com, "+secret+", "+oneIssuer+"}}\n")
		if !strings.Contains(got, "console.oidc.") || strings.Contains(got, canary) {
			t.Errorf("%s: %s", secret, got)
		}
	}
}
