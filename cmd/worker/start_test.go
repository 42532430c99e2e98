package main

import (
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
)

// TestStart starts workers and schedulers where something is not as it must be.
func TestStart(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.SES("one")
	s.Configure(apptest.Settings{})
	worker, scheduler := s.Start("worker"), s.Start("scheduler")
	old := devenvtest.VaultWith(t, devenv.VaultOptions{Mounts: []string{"old:1", "secret", "keyturn-journal"}})
	sealed := devenvtest.VaultWith(t, devenv.VaultOptions{})
	if err := sealed.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	evicting := devenvtest.RedisWith(t, devenv.RedisOptions{Args: []string{"--maxmemory-policy", "allkeys-lru"}})
	s.WriteFile("powerless", s.Powerless())
	s.WriteFile("old-token", old.Token)
	s.Scripts(t, "WORKER="+worker.Addr, "SCHEDULER="+scheduler.Addr, "OLD="+old.Addr, "SEALED="+sealed.Addr, "EVICTING="+evicting.Addr)
}
