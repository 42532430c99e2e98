package app

import (
	"context"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"weak"

	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/observe"
	"keyturn/internal/providers"
)

const small = `
redis: {address: "127.0.0.1:6379"}
vault: {address: "https://vault.example:8200", auth: {token: {env: VAULT_TOKEN}}}
defaults: {schedule: {every: 30d}}
accounts:
  ses: {provider: tencent-ses, keys: {secret_id: {env: ID}, secret_key: {env: KEY}}, verify: "off"}
credentials:
  - {id: one, account: ses, target: one@example.com, path: mail/one}
`

func TestAProcessKeepsOnlyTheConfigurationInForce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyturn.yaml")
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	p := &Process{Log: log, Health: observe.NewHealth(log), again: make(chan os.Signal)}
	first := func() weak.Pointer[config.Config] { // not in this frame, which could hold it
		cfg, err := config.Load(path, providers.All())
		if err != nil {
			t.Fatal(err)
		}
		p.use(cfg)
		return weak.Make(cfg)
	}()
	changed, ended := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- p.Watch(ctx, func(*config.Config, inventory.Difference) error {
			changed <- struct{}{}
			return nil
		})
	}()
	for range 2 { // the second is read only when nothing is left to do about the first
		p.again <- syscall.SIGHUP
		<-changed
	}
	for i := 0; i < 100 && first.Value() != nil; i++ {
		runtime.GC()
	}
	if first.Value() != nil || p.Config() == nil {
		t.Error("the first configuration is still held")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestMemoryIsLimitedByTheSizeOfTheFleetUnlessTheUserSaysHow(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for credentials, want := range map[int]int64{1: 500e6, 1_000_000: 500e6, 3_000_000: 1500e6} {
		if limitMemory(credentials); debug.SetMemoryLimit(-1) != want {
			t.Errorf("%d credentials: %d bytes", credentials, debug.SetMemoryLimit(-1))
		}
	}
	debug.SetMemoryLimit(math.MaxInt64)
	t.Setenv("GOMEMLIMIT", "1GiB")
	if limitMemory(1); debug.SetMemoryLimit(-1) != math.MaxInt64 {
		t.Error("GOMEMLIMIT was overruled")
	}
}
