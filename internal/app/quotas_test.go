package app_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/providers/kirimemail"
	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/secret"
)

// kirim is a client of a sandbox that allows so much.
func kirim(t *testing.T, allows core.Rate) (call func(context.Context) error) {
	t.Helper()
	box, err := sandbox.Start(t.Context(), core.Config{
		Seed: 1, Now: time.Now, Providers: map[string]core.ProviderConfig{kirimemail.Provider().Code: {Rate: &allows}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	client, err := kirimemail.Provider().New(rotation.Settings{
		Endpoint: box.Ready().Providers[kirimemail.Provider().Code], Timeout: 10 * time.Second,
		Keys: map[string]secret.Value{"user": secret.New("api"), "token": secret.New("test-token")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context) error {
		_, err := client.Issuer.Issue(ctx, "example.com/92703823-f3a4-48e2-8e87-7adf25454800")
		return err
	}
}

// The account is configured for 600 a minute, the provider lowers its limit to 30 and raises it again. Real Redis, real
// calls, and what the limiter keeps in Redis as the witness.
func TestARateFollowsWhatTheProviderSays(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{
		Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword,
	})
	t.Cleanup(func() { _ = rdb.Close() })
	limiter, err := ratelimit.New(rdb, rotation.WallClock{}, map[string][]rotation.Rate{"a": {{Requests: 600, Per: time.Minute}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	quotas := app.NewQuotas(limiter, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // ends the wait for a pace that never comes
	ended := make(chan struct{})
	go func() { quotas.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })

	call := func(do func(context.Context) error) {
		t.Helper()
		turns, err := limiter.Take(ctx, "a", 1, true)
		if err == nil {
			err = turns.Await(ctx, 0)
		}
		if err == nil {
			err = do(quotas.Watch(ctx, "a"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// pace waits until the account's pace is that, in microseconds; "" is none.
	pace := func(want string) {
		t.Helper()
		for ctx.Err() == nil {
			got, err := rdb.HGet(ctx, "keyturn:{a}:limit", "pace").Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				t.Fatal(err)
			}
			if got == want {
				return
			}
			if err := (rotation.WallClock{}).Sleep(ctx, time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
	little, plenty := kirim(t, core.Rate{Requests: 30, Per: time.Minute}), kirim(t, core.Rate{Requests: 1200, Per: time.Minute})
	call(plenty)
	pace("")
	call(little)
	pace("2000000")
	call(little) // takes the last slot of the old pace at most
	start := time.Now()
	call(little)
	call(little)
	// Two seconds lie between their slots, and as much before the first.
	if took := time.Since(start); took < 3*time.Second {
		t.Errorf("two calls took %s, at 30 a minute", took)
	}
	call(plenty)
	pace("")
}
