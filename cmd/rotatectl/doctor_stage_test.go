package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"

	"github.com/redis/go-redis/v9"
)

// admin sends a command as the user who may do everything.
func admin(t *testing.T, s *apptest.Stage, args ...any) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	defer rdb.Close()
	if err := rdb.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

// endpoint is a configuration in which the account ses calls another server.
func endpoint(s *apptest.Stage, text, url string) string {
	return strings.Replace(text, s.Box.Ready().Providers["tencent-ses"], url, 1)
}

// withToken is a configuration that logs in with another token.
func withToken(text, token string) string {
	return strings.Replace(text, "file: vault-token", fmt.Sprintf("file: %q", token), 1)
}

// ownAffairs is what every policy has.
const ownAffairs = `
	path "auth/token/lookup-self" { capabilities = ["read"] }
	path "auth/token/renew-self" { capabilities = ["update"] }
	path "sys/capabilities-self" { capabilities = ["update"] }`

// token makes a token of a policy, and returns the file that it is in.
func token(t *testing.T, s *apptest.Stage, policy string, settings map[string]any) string {
	t.Helper()
	name := "doctor-" + s.Name + "-" + filepath.Base(t.Name())
	token, err := s.Vault.NewToken(t.Context(), name, policy+ownAffairs, settings)
	if err != nil {
		t.Fatal(err)
	}
	return s.WriteFile(name, token)
}

// policyOfWorkers is what ships.
func policyOfWorkers(t *testing.T) string {
	t.Helper()
	text, _, _ := strings.Cut(repositoryFile(t, "deploy", "vault", "keyturn-worker.hcl"), "# A token's own affairs")
	return text
}
