package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/keyuse"
	"keyturn/internal/providers"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const keysFromVault = `
redis: {address: localhost:6379}
vault: {address: "https://vault:8200", auth: {token: {env: T}}}
accounts:
  bot: {provider: alibaba-ram, keys_from: bot-key}
  mail: {provider: alibaba-directmail, keys_from: bot-key}
credentials:
  - {id: bot-key, account: bot, target: keyturn-bot, strategy: overlap, exclusive: true, grace: 1d, path: keyturn/bot, schedule: {every: 30d}}
`

// hand is a keyring of a worker over two accounts with one key, which stands in Vault.
type hand struct {
	*Keyring
	t        *testing.T
	subjects *Subjects
	cred     *rotation.Credential
	now      time.Time
	vault    map[string]string // id and secret, by field
	blocked  int
}

// Now and Sleep implement rotation.Clock.
func (h *hand) Now() time.Time { return h.now }

func (h *hand) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func newHand(t *testing.T) *hand {
	t.Helper()
	h := &hand{t: t, now: time.Unix(1_800_000_000, 0), vault: map[string]string{"username": "id-1", "password": "s-1"}}
	path := filepath.Join(t.TempDir(), "keyturn.yaml")
	(&ring{t: t, dir: filepath.Dir(path)}).write("keyturn.yaml", keysFromVault)
	cfg, err := config.Load(path, providers.All())
	if err != nil {
		t.Fatal(err)
	}
	h.subjects, err = NewSubjects(t.Context(), cfg, func(_ context.Context, store, path, field string) (secret.Value, error) {
		if store != "default" || path != "keyturn/bot" {
			return secret.Value{}, errors.New("no key stands there")
		}
		return secret.New(h.vault[field]), nil
	}, Mail{})
	if err != nil {
		t.Fatal(err)
	}
	h.cred, _ = cfg.Credential("bot-key")
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	t.Cleanup(func() { _ = rdb.Close() })
	h.Keyring = &Keyring{
		Breaker: queue.NewBreaker(rdb, func(context.Context, queue.Transition) {}), Uses: newKeyUses(&keyuse.Ledger{RDB: rdb}, h),
		Clock: h, Log: slog.New(slog.DiscardHandler),
	}
	h.Use(func() *Subjects { return h.subjects })
	return h
}

// rotate writes the next key to Vault.
func (h *hand) rotate() { h.vault = map[string]string{"username": "id-2", "password": "s-2"} }

// leave says that a key is to be disabled, and reports whether it still counts as used for another reason than that Redis has
// just begun to listen.
func (h *hand) leave(id string) bool {
	h.t.Helper()
	if err := h.Uses.ledger.RDB.HSet(h.t.Context(), "keyturn:{bot}:calling", "since", 1).Err(); err != nil {
		h.t.Fatal(err)
	}
	used, err := h.Uses.ledger.Leave(h.t.Context(), h.cred, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return used
}

func (h *hand) follow() {
	h.t.Helper()
	for _, c := range h.Uses.all() {
		if err := h.Keyring.follow(h.t.Context(), c); err != nil {
			h.t.Fatal(err)
		}
	}
}

// free lets every call through.
type free struct{}

func (free) Take(context.Context, string, int, bool) (rotation.Turns, error) { return free{}, nil }
func (free) Penalise(context.Context, string, time.Duration) error           { return nil }
func (free) Await(context.Context, int) error                                { return nil }

// call makes a call of a run, as far as the limiter lets it.
func (h *hand) call(ctx context.Context) error {
	turns, err := keyedLimiter{free{}, h.Keyring}.Take(ctx, "mail", 1, false)
	if err != nil {
		return err
	}
	return turns.Await(ctx, 0)
}

func TestAKeyCountsAsUsedUntilTheRunsThatBeganWithItAreOver(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	ctx, done := h.Using(t.Context(), h.subjects, "mail")
	if err := h.call(ctx); err != nil {
		t.Fatal(err)
	}
	h.rotate()
	if !h.leave("id-1") {
		t.Error("a run calls with it")
	}
	h.follow() // reads the next one
	if id := h.subjects.client("mail").id; id != "id-2" || h.subjects.client("bot").id != "id-2" {
		t.Errorf("the next run has %s", id)
	}
	if !h.leave("id-1") {
		t.Error("a run still calls with it")
	}
	done()
	h.follow()
	if h.leave("id-1") {
		t.Error("no run calls with it any more")
	}
}

func TestNoCallIsMadeWithAKeyThatIsToBeDisabled(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if h.leave("id-1") {
		t.Fatal("no run has begun")
	}
	ctx, done := h.Using(t.Context(), h.subjects, "mail") // a worker that reads an old version of Vault
	defer done()
	held := (*rotation.WaitError)(nil)
	if err := h.call(ctx); !errors.As(err, &held) {
		t.Errorf("got %v", err)
	}
}

func TestNoCallIsMadeThatRedisHasNotHeardOf(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	ctx, done := h.Using(t.Context(), h.subjects, "mail")
	defer done()
	if err := h.call(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.Uses.ledger.RDB.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.call(ctx); err != nil {
		t.Errorf("what was reported lately: %v", err)
	}
	h.now = h.now.Add(reportFresh + time.Second)
	if h.call(ctx) == nil {
		t.Error("a report counts longer than it is kept")
	}
}

// The one that this process has is the one that works, and that can enable it.
func TestAKeyThatAPersonPutsBackIsTakenUpWhenItIsEnabledAgain(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.rotate()
	h.leave("id-1")
	h.renew(t.Context(), h.subjects, "bot")
	h.vault = map[string]string{"username": "id-1", "password": "s-1"}
	if h.renew(t.Context(), h.subjects, "bot"); h.subjects.client("bot").id != "id-2" || h.Ready() == nil {
		t.Errorf("the next run has %s, ready: %v", h.subjects.client("bot").id, h.Ready())
	}
	ctx, done := h.Using(t.Context(), h.subjects, "bot")
	defer done()
	if err := h.call(ctx); err != nil {
		t.Error(err)
	}
	if err := h.Uses.ledger.Stay(t.Context(), h.cred, "id-1"); err != nil {
		t.Fatal(err)
	}
	if !h.renew(t.Context(), h.subjects, "bot") || h.subjects.client("bot").id != "id-1" || h.Ready() != nil {
		t.Errorf("the next run has %s, ready: %v", h.subjects.client("bot").id, h.Ready())
	}
}

// counted counts what the breaker hears.
type counted struct {
	blocks
	n *int
}

func (c counted) Block(context.Context, string, *rotation.Error) error {
	*c.n++
	return nil
}

func (h *hand) refused(ctx context.Context) {
	h.t.Helper()
	agenda := keyedAgenda{counted{blocks{}, &h.blocked}, h.Keyring}
	if err := agenda.Block(ctx, "mail", &rotation.Error{Kind: rotation.Unauthorized}); err != nil {
		h.t.Fatal(err)
	}
}

func TestARefusalOfAYoungKeyOpensNoBreaker(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	ctx, done := h.Using(t.Context(), h.subjects, "mail")
	defer done()
	h.now = h.subjects.client("mail").since.Add(keySpreads - time.Second)
	if h.refused(ctx); h.blocked != 0 {
		t.Error("a young key")
	}
	h.now = h.now.Add(2 * time.Second)
	if h.refused(ctx); h.blocked != 1 {
		t.Error("an old key")
	}
}

func TestARefusalOfAKeyThatWasDisabledIsMissed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	ctx, done := h.Using(t.Context(), h.subjects, "mail")
	defer done()
	h.leave("id-1")
	h.rotate()
	if h.refused(ctx); h.blocked != 0 {
		t.Error("it is the account's key no more")
	}
	if missed, err := h.Uses.ledger.Missed(t.Context(), h.cred, "id-1"); err != nil || !missed {
		t.Error("no one hears of it", err)
	}
}

func TestAWorkerThatEndsCallsWithNoKey(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	ctx, done := h.Using(t.Context(), h.subjects, "mail")
	defer done()
	if err := h.call(ctx); err != nil || !h.leave("id-1") {
		t.Fatal("a run calls with it", err)
	}
	h.forget(t.Context())
	if h.leave("id-1") {
		t.Error("it still counts")
	}
}
