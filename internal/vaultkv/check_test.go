package vaultkv_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// mount makes a KV mount for one test on the shared Vault, and returns its name.
func mount(t *testing.T, version string, settings map[string]any) string {
	t.Helper()
	name := "mount-" + uuid.NewString()
	ask(t, http.MethodPut, "sys/mounts/"+name, map[string]any{"type": "kv", "options": map[string]any{"version": version}})
	t.Cleanup(func() { ask(t, http.MethodDelete, "sys/mounts/"+name, nil) })
	if settings == nil {
		return name
	}
	// A fresh engine refuses for a moment, until it has made its own upgrade.
	for {
		status, _ := askAs(t, shared.Token, http.MethodPut, name+"/config", settings)
		if status < http.StatusBadRequest {
			return name
		}
	}
}

// wantAll demands that err mentions every text, so that one start shows all there is to mend.
func wantAll(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q\ndoes not mention %q", err, text)
		}
	}
}

func TestCheckPassesWithTheDefaults(t *testing.T) {
	t.Parallel()
	for _, access := range []vaultkv.Access{vaultkv.ReadOnly, vaultkv.ReadWrite} {
		if err := open(t, config()).Check(t.Context(), access, newCredential().Place); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckNamesEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	one, two := config(), config()
	one.Mount, one.JournalMount = mount(t, "1", nil), mount(t, "2", map[string]any{"max_versions": 9})
	two.Mount, two.JournalMount = "missing", mount(t, "2", map[string]any{"delete_version_after": "1h"})
	v := openAll(t, map[string]vaultkv.StoreConfig{"one": one, "two": two})
	wantAll(t, v.Check(t.Context(), vaultkv.ReadWrite),
		`vault store "one": mount "`+one.Mount+`" is KV version 1`, "vault kv enable-versioning "+one.Mount,
		"keeps 9 versions", one.JournalMount+"/config max_versions=10",
		`vault store "two": mount "missing"`, "deletes journals after 1h0m0s")
}

// A password that Vault deletes is found missing by consumers before it is by keyturn.
func TestCheckNamesAConsumersMountThatDeletesItsSecrets(t *testing.T) {
	t.Parallel()
	fading := config()
	fading.Mount = mount(t, "2", map[string]any{"delete_version_after": "720h"})
	wantAll(t, open(t, fading).Check(t.Context(), vaultkv.ReadOnly),
		`mount "`+fading.Mount+`" deletes what consumers read 720h0m0s after it was written`, fading.Mount+"/config delete_version_after=0s")
}

func TestCheckTellsATokenThatVaultDoesNotKnowFromAMissingRight(t *testing.T) {
	t.Parallel()
	mistyped := config()
	mistyped.Auth.Secret = secret.New("hvs.mistyped")
	err := open(t, mistyped).Check(t.Context(), vaultkv.ReadWrite)
	wantAll(t, err, "the token is refused", "mistyped, expired or revoked")
	if strings.Contains(err.Error(), "mount") {
		t.Errorf("it blames a mount: %v", err)
	}
}

func TestCheckAcceptsAMountThatKeepsMoreVersions(t *testing.T) {
	t.Parallel()
	roomy := config()
	roomy.JournalMount = mount(t, "2", map[string]any{"max_versions": 50})
	if err := open(t, roomy).Check(t.Context(), vaultkv.ReadWrite); err != nil {
		t.Error(err)
	}
}

func TestCheckTellsAMountFromAFolderInIt(t *testing.T) {
	t.Parallel()
	deep := config()
	deep.Mount = "secret/mail"
	wantAll(t, open(t, deep).Check(t.Context(), vaultkv.ReadWrite), `mount "secret/mail": the mount is "secret"`)
}

func TestCheckNamesTheMissingCapabilityAndItsPath(t *testing.T) {
	t.Parallel()
	narrow := config()
	narrow.Auth = appRole(t, roleOptions{policy: `
		path "secret/data/mail/*" { capabilities = ["read"] }
		path "keyturn-journal/data/*" { capabilities = ["read", "update"] }
		path "sys/capabilities-self" { capabilities = ["update"] }`})
	v, place := open(t, narrow), newCredential().Place
	wantAll(t, v.Check(t.Context(), vaultkv.ReadWrite, place),
		"capability create, update on secret/data/"+place.Path,
		"capability create on keyturn-journal/data/",
		"capability read on keyturn-journal/config",
		"capability read on auth/token/lookup-self",
		"capability update on auth/token/renew-self")
	wantAll(t, v.Check(t.Context(), vaultkv.ReadOnly, place), "capability list on keyturn-journal/metadata/")
}

func TestCheckNamesTheCapabilityItNeedsItself(t *testing.T) {
	t.Parallel()
	blind := config()
	blind.Auth = appRole(t, roleOptions{policy: `path "secret/data/*" { capabilities = ["read"] }`})
	wantAll(t, open(t, blind).Check(t.Context(), vaultkv.ReadWrite),
		"capability update on sys/capabilities-self",
		`mount "keyturn-journal": it does not exist, or the token has no right in it`)
}

func TestASealedVaultSaysSo(t *testing.T) {
	t.Parallel()
	vault := devenvtest.VaultWith(t, devenv.VaultOptions{})
	sealed := config()
	sealed.Address, sealed.Auth.Secret = vault.Addr, secret.New(vault.Token)
	v := open(t, sealed)
	if err := v.Check(t.Context(), vaultkv.ReadWrite); err != nil {
		t.Fatal(err)
	}
	if err := vault.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Save(t.Context(), newCredential(), openRecord, 0); !errors.Is(err, vaultkv.ErrSealed) {
		t.Errorf("save: %v, want ErrSealed", err)
	}
	if err := open(t, sealed).Check(t.Context(), vaultkv.ReadWrite); !errors.Is(err, vaultkv.ErrSealed) {
		t.Errorf("check: %v, want ErrSealed", err)
	}
}
