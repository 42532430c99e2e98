// Package devenvtest gives a test a Redis or a Vault of its own, which ends with the test.
package devenvtest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/devenv"
)

// The user of each Redis that a test starts, who may do what deploy/redis/users.acl says. The default user may do
// everything, and needs no password: it is for what a test does with its own hands.
const (
	RedisUser     = "keyturn"
	RedisPassword = "password-of-a-test" // of nothing that outlives it
)

// RedisUsers is deploy/redis/users.acl with the password filled in.
func RedisUsers(tb testing.TB) string {
	tb.Helper()
	root, err := devenv.Root()
	if err != nil {
		tb.Fatal(err)
	}
	shipped, err := os.ReadFile(filepath.Join(root, "deploy", "redis", "users.acl"))
	if err != nil {
		tb.Fatal(err)
	}
	hash := sha256.Sum256([]byte(RedisPassword))
	return strings.Replace(string(shipped), "SHA256-OF-THE-PASSWORD", hex.EncodeToString(hash[:]), 1)
}

// Redis starts an empty Redis in memory for one test.
func Redis(tb testing.TB) *devenv.Redis {
	tb.Helper()
	return RedisWith(tb, devenv.RedisOptions{})
}

// RedisWith starts a Redis for one test.
func RedisWith(tb testing.TB, opts devenv.RedisOptions) *devenv.Redis {
	tb.Helper()
	users := filepath.Join(tb.TempDir(), "users.acl")
	text := strings.Replace(RedisUsers(tb), "user default off", "user default on nopass ~* &* +@all", 1)
	if err := os.WriteFile(users, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	opts.Args = append([]string{"--aclfile", users}, opts.Args...)
	redis, err := devenv.StartRedis(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	stopAfter(tb, redis.Process)
	return redis
}

// Vault returns an empty Vault in memory with the mounts secret and keyturn-journal for one test, or the Vault that
// KEYTURN_TEST_VAULT_ADDR names; that one must have these mounts, and is neither emptied nor stopped.
func Vault(tb testing.TB) *devenv.Vault {
	tb.Helper()
	if external := devenv.ExternalVault(); external != nil {
		return external
	}
	return VaultWith(tb, devenv.VaultOptions{})
}

// VaultWith starts a Vault for one test, always a new one.
func VaultWith(tb testing.TB, opts devenv.VaultOptions) *devenv.Vault {
	tb.Helper()
	vault, err := devenv.StartVault(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	stopAfter(tb, vault.Process)
	return vault
}

// Process starts a process for one test.
func Process(tb testing.TB, command devenv.Command) *devenv.Process {
	tb.Helper()
	process, err := devenv.Start(tb.Context(), command)
	if err != nil {
		tb.Fatal(err)
	}
	stopAfter(tb, process)
	return process
}

func stopAfter(tb testing.TB, process *devenv.Process) {
	tb.Helper()
	tb.Cleanup(func() {
		if err := process.Stop(); err != nil {
			tb.Errorf("stop: %v", err)
		}
	})
}

// Mail starts a Postfix with a Dovecot for one test. Where they are not installed, or may not be started, the test says
// that it did not run; in CI it fails, because there `make setup` installs them.
func Mail(tb testing.TB, opts devenv.MailOptions) *devenv.Mail {
	tb.Helper()
	mail, err := devenv.StartMail(tb.Context(), opts)
	if errors.Is(err, devenv.ErrNoMail) && os.Getenv("CI") == "" {
		//nolint:forbidigo // a contributor need not install a mail server; the transcripts of the same servers always run
		tb.Skip("did not run:", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := mail.Stop(); err != nil {
			tb.Errorf("stop: %v", err)
		}
	})
	return mail
}
