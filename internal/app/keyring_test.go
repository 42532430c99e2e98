package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/providers"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const keysInFiles = `
redis: {address: "127.0.0.1:6379"}
vault: {address: "https://vault.example:8200", auth: {token: {env: VAULT_TOKEN}}}
defaults: {schedule: {every: 30d}, verify: "off"}
accounts:
  ses: {provider: tencent-ses, keys: {secret_id: {file: id}, secret_key: {file: key}}}
credentials:
  - {id: one, account: ses, target: one@example.com, path: mail/one}
`

// ring is a keyring over one account whose keys stand in files, and what its breaker was told.
type ring struct {
	*Keyring
	t        *testing.T
	dir      string
	subjects *Subjects
	blocked  int
	closed   int
}

func newRing(t *testing.T) *ring {
	t.Helper()
	r := &ring{t: t, dir: t.TempDir()}
	r.write("keyturn.yaml", keysInFiles)
	r.write("id", "an-id")
	r.write("key", "a-key")
	cfg, err := config.Load(filepath.Join(r.dir, "keyturn.yaml"), providers.All())
	if err != nil {
		t.Fatal(err)
	}
	read := func(context.Context, string, string, string) (secret.Value, error) { panic("no key stands in Vault") }
	if r.subjects, err = NewSubjects(t.Context(), cfg, read, Mail{}); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	t.Cleanup(func() { _ = rdb.Close() })
	breaker := queue.NewBreaker(rdb, func(_ context.Context, tr queue.Transition) {
		if !tr.Open {
			r.closed++
		}
	})
	r.Keyring = &Keyring{Breaker: breaker, Clock: rotation.WallClock{}, Log: slog.New(slog.DiscardHandler)}
	r.Use(func() *Subjects { return r.subjects })
	return r
}

func (r *ring) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// refused has the machine tell that a key was refused to a run.
func (r *ring) refused(ctx context.Context) {
	r.t.Helper()
	refusal := &rotation.Error{Kind: rotation.Unauthorized, Provider: "tencent-ses", Op: "Set", Code: "AuthFailure"}
	if err := (keyedAgenda{blocks{r}, r.Keyring}).Block(ctx, "ses", refusal); err != nil {
		r.t.Fatal(err)
	}
}

// blocks is an agenda that passes on to the breaker, and counts.
type blocks struct{ *ring }

func (b blocks) Block(ctx context.Context, account string, cause *rotation.Error) error {
	b.blocked++
	return b.Breaker.Block(ctx, account, cause)
}

func (blocks) Hold(context.Context, *rotation.Credential, time.Duration, bool) error { return nil }
func (blocks) Park(context.Context, *rotation.Credential, time.Duration) error       { return nil }
func (blocks) Settle(context.Context, *rotation.Credential, rotation.Ending) error   { return nil }
func (blocks) Ask(context.Context, *rotation.Credential, rotation.Reason, time.Duration) error {
	return nil
}

func TestARefusalOfAKeyThatWasReplacedIsNotCountedAndClosesTheBreaker(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	old, done := r.Using(t.Context(), r.subjects, "ses")
	defer done()
	r.refused(old)
	r.refused(old)
	if r.blocked != 2 || r.closed != 0 {
		t.Fatalf("a key that nothing has replaced: %d refusals count, %d times closed", r.blocked, r.closed)
	}
	r.write("key", "another-key")
	for range 3 { // those who began with the key of before hear of it one after the other
		r.refused(old)
	}
	if r.blocked != 2 || r.closed != 1 {
		t.Errorf("a key that was replaced: %d refusals count, %d times closed", r.blocked, r.closed)
	}
	now, done := r.Using(t.Context(), r.subjects, "ses")
	defer done()
	r.refused(now)
	if r.blocked != 3 {
		t.Errorf("the key that replaced it: %d refusals count", r.blocked)
	}
}

func TestAKeyThatCannotBeReadAgainStaysAsItWas(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	before := r.subjects.client("ses")
	if err := os.Remove(filepath.Join(r.dir, "key")); err != nil {
		t.Fatal(err)
	}
	if r.renew(t.Context(), r.subjects, "ses") || r.subjects.client("ses").print != before.print {
		t.Error("it is another one")
	}
	if err := r.Ready(); err == nil || !strings.Contains(err.Error(), "account ses: its management keys stay those of before") || !strings.Contains(err.Error(), "key") {
		t.Errorf("ready: %v", err)
	}
	r.write("key", "a-key")
	if r.renew(t.Context(), r.subjects, "ses") || r.Ready() != nil {
		t.Errorf("it is back as it was: %v", r.Ready())
	}
}

func TestKeysAreReadAgainWhereTheyCanChange(t *testing.T) {
	t.Parallel()
	file, env, vault := config.Source{File: "f"}, config.Source{Env: "E"}, config.Source{Vault: config.VaultRef{Path: "p", Field: "f"}}
	for want, all := range map[place][]map[string]config.Source{
		inNone:  {{}, {"a": env}},
		inFiles: {{"a": file}, {"a": env, "b": file}},
		inVault: {{"a": vault}, {"a": file, "b": vault}, {"a": vault, "b": file}, {"a": env, "b": vault}},
	} {
		for _, keys := range all {
			if got := placeOf(&config.Account{Keys: keys}); got != want {
				t.Errorf("%v: %v, want %v", keys, got, want)
			}
		}
	}
}

func TestKeysAreToldApartByNameAndValue(t *testing.T) {
	t.Parallel()
	of := func(pairs ...string) fingerprint {
		keys := map[string]secret.Value{}
		for i := 0; i < len(pairs); i += 2 {
			keys[pairs[i]] = secret.New(pairs[i+1])
		}
		return fingerprintOf(keys)
	}
	all := map[fingerprint]bool{of("a", "bc"): true, of("ab", "c"): true, of("a", "b", "c", ""): true, of("a", "", "c", "b"): true, of(): true}
	if len(all) != 5 || of("a", "1", "b", "2") != of("b", "2", "a", "1") {
		t.Errorf("%d of 5", len(all))
	}
}
