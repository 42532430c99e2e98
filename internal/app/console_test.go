package app

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/console"
)

// A file that is no digest lets no one in, and keeps no one out who has another token.
func TestAFileOfATokenHoldsTheDigestOfOne(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("token"))
	for text, want := range map[string]bool{
		fmt.Sprintf("%x\n", sum): true, fmt.Sprintf("%X", sum): true, fmt.Sprintf("%x", sha256.Sum256(nil)): false,
		strings.Repeat("ab", 64): false, strings.Repeat("ab", 31): false, "token": false, "": false,
	} {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		good := config.ConsoleToken{Name: "good", Role: config.ConsoleAdmin, Digest: sha256.Sum256([]byte("other"))}
		p := &Process{}
		p.inForce.Store(&config.Config{Console: &config.Console{Tokens: []config.ConsoleToken{{Name: "filed", Role: config.ConsoleViewer, File: file}, good}}})
		c := &Console{process: p}
		name, role, ok := c.token(sum)
		if ok != want || ok && (name != "filed" || role != console.Viewer) {
			t.Errorf("%q: %s, %s, %v", text, name, role, ok)
		}
		if err := c.Ready(t.Context()); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
		if name, _, _ := c.token(good.Digest); name != "good" {
			t.Errorf("%q keeps another token out", text)
		}
	}
}

func TestASecretOfAnIssuerThatCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	p := &Process{}
	c := &Console{process: p}
	for _, o := range []*config.ConsoleOIDC{nil, {}} {
		p.inForce.Store(&config.Config{Console: &config.Console{OIDC: o}})
		if err := c.OIDCReady(t.Context()); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	p.inForce.Store(&config.Config{Console: &config.Console{OIDC: &config.ConsoleOIDC{ClientSecret: config.Source{File: file}}}})
	if err := c.OIDCReady(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.OIDCReady(t.Context()); err != nil {
		t.Errorf("%v", err)
	}
}

func TestAnIssuerIsKnownByItsHostUnlessItHasAName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "login.example.com:8443", "Example": "Example"} {
		o, err := issuerOf(&config.ConsoleOIDC{Name: name, Issuer: "https://login.example.com:8443/realms/mail", Roles: map[string]config.ConsoleRole{"ops": config.ConsoleOperator}})
		if err != nil || o.Name != want || o.Issuer != "https://login.example.com:8443/realms/mail" || o.Roles["ops"] != console.Operator || o.Secret != nil {
			t.Errorf("%+v, %v", o, err)
		}
	}
	if _, err := issuerOf(&config.ConsoleOIDC{Issuer: "https://login.example.com", CAFile: "missing.pem"}); err == nil || !strings.Contains(err.Error(), "missing.pem") {
		t.Errorf("%v", err)
	}
}
