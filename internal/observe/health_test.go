package observe_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/observe"
)

// each is a set of checks of which one never answers, one does so as its deadline has it, and one is bad.
func each() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"deaf":   func(ctx context.Context) error { <-time.After(time.Hour); return ctx.Err() },
		"slow":   func(ctx context.Context) error { <-ctx.Done(); return errors.New("dial tcp: refused") },
		"broken": func(context.Context) error { return errors.New("sealed") },
		"good":   func(ctx context.Context) error { return ctx.Err() },
	}
}

func TestChecksTakeNoTimeFromOneAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		check := observe.NewHealth(slog.New(slog.DiscardHandler)).Watch(each())
		begin := time.Now()
		err := check(t.Context())
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("it took %v, and -health waits for 5 s", took)
		}
		want := "broken: sealed\ndeaf: no answer within 4.5s\nslow: dial tcp: refused"
		if err == nil || err.Error() != want {
			t.Errorf("got:\n%v\nwant:\n%s", err, want)
		}
		<-time.After(time.Hour) // until the deaf one has ended
	})
}

// A probe of Kubernetes waits for a second.
func TestWhoDoesNotWaitForTheAnswerMakesNothingUnready(t *testing.T) {
	t.Parallel()
	h := observe.NewHealth(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Watch(map[string]func(context.Context) error{"redis": each()["good"]})(ctx); err != nil {
		t.Error(err)
	}
}

func TestAChangeIsLoggedAndMeasuredWithoutARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		h := observe.NewHealth(observe.NewLogger(&out, slog.LevelInfo))
		var refused atomic.Bool
		check := h.Watch(map[string]func(context.Context) error{"redis": func(context.Context) error {
			if refused.Load() {
				return errors.New("OOM command not allowed")
			}
			return nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx, check)
		synctest.Wait()
		refused.Store(true)
		<-time.After(10 * time.Second)
		synctest.Wait()
		if !strings.Contains(out.String(), `"msg":"not ready","condition":"redis","error":"OOM command not allowed"`) {
			t.Errorf("logged: %s", out.String())
		}
		refused.Store(false)
		<-time.After(10 * time.Second)
		synctest.Wait()
		if !strings.Contains(out.String(), `"ready again"`) {
			t.Errorf("logged: %s", out.String())
		}
		cancel()
		synctest.Wait()
	})
}

func TestReadinessIsAMetric(t *testing.T) {
	t.Parallel()
	m, h := observe.NewMetrics(), observe.NewHealth(slog.New(slog.DiscardHandler))
	h.Gauges(m)
	addr := serve(t, observe.Endpoint{Metrics: m, Ready: ready(nil)})
	if text := get(t, addr, "/metrics", http.StatusOK); !strings.Contains(text, "\nkeyturn_ready 1\n") || strings.Contains(text, "keyturn_not_ready{") {
		t.Error("a process that is well does not say so")
	}
	h.Set(t.Context(), "vault", errors.New("sealed"))
	text := get(t, addr, "/metrics", http.StatusOK)
	for _, want := range []string{"\nkeyturn_ready 0\n", `keyturn_not_ready{condition="vault"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
}
