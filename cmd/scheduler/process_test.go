package main

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app/apptest"
)

func TestTwoSchedulersRotateOnceForEachSlot(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	for i := range 8 {
		s.SES(fmt.Sprintf("mail%d", i))
	}
	s.Configure(apptest.Settings{Every: "4s"})
	processes := []*apptest.Process{s.Start("scheduler"), s.Start("scheduler"), s.Start("worker"), s.Start("worker")}
	for _, c := range s.Creds {
		s.Until(c.ID+" is rotated three times", func() bool { return s.Current(c).Version >= 3 })
	}
	for _, p := range processes {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range s.Creds {
		last := s.Current(c).Version
		slots := map[string]int{}
		for version := last; version > 0; version-- {
			slot := s.CurrentAt(c.Path, version).Slot
			if other, twice := slots[slot]; twice {
				t.Errorf("%s: versions %d and %d are both for slot %s", c.ID, version, other, slot)
			}
			slots[slot] = version
		}
		if !s.Settled(c, last) {
			t.Errorf("%s: version %d is not the live one", c.ID, last)
		}
	}
}

func TestTheIndexIsRebuiltWhenRedisWasEmptied(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	daily, made, waits := s.SES("daily"), s.Kirim("made"), s.SES("waits", "first: manual")
	often := s.SES("often", "schedule: {every: 5s}")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	for _, c := range []apptest.Credential{daily, made, often} {
		s.Until(c.ID+" is rotated", func() bool { return s.Settled(c, 1) })
	}
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	before := dues(t, rdb)

	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.Until("everything is due when it was before", func() bool {
		now := dues(t, rdb)
		delete(now, often.ID)
		delete(before, often.ID)
		return len(now) == 2 && maps.Equal(now, before)
	})
	seen := s.Current(often).Version
	s.Until("rotations go on", func() bool { return s.Settled(often, seen+1) })
	if out, status := s.Ctl("rotate", daily.ID, made.ID, "--wait"); status != 0 {
		t.Errorf("on demand: %d: %s", status, out)
	}
	if s.Current(waits).Version != 0 {
		t.Error("what waits for a person was rotated")
	}
}

// dues are the due times of all credentials, in unix milliseconds.
func dues(t *testing.T, rdb *redis.Client) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, account := range []string{"ses", "kirim"} {
		members, err := rdb.ZRangeWithScores(t.Context(), "keyturn:{"+account+"}:due", 0, -1).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			all[m.Member.(string)] = m.Score
		}
	}
	return all
}

func TestACredentialThatKeyturnNeverRotatedWaitsForAPerson(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	waits, other := s.SES("waits", "first: manual", "schedule: {every: 5s}"), s.SES("other")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	// The scheduler has gone through all of them when the other one is rotated, which is behind it.
	s.Until("the other one is rotated", func() bool { return s.Settled(other, 1) })
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	if _, due := dues(t, rdb)[waits.ID]; due || s.Target(waits).Version != 0 {
		t.Fatal("it did not wait")
	}
	if out, status := s.Ctl("status", waits.ID); status != 0 || !strings.Contains(out, "waiting") {
		t.Errorf("status: %d: %s", status, out)
	}
	if out, status := s.Ctl("rotate", waits.ID, "--wait"); status != 0 {
		t.Fatalf("rotate: %d: %s", status, out)
	}
	s.Until("its schedule goes on from there", func() bool { return s.Settled(waits, 2) })
}

func TestASchedulerLetsGoOfWhatTheConfigurationNoLongerHas(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	stays, goes := s.SES("stays"), s.SES("goes")
	s.Configure(apptest.Settings{})
	scheduler := s.Start("scheduler")
	s.Start("worker")
	for _, c := range s.Creds {
		s.Until(c.ID+" is rotated", func() bool { return s.Settled(c, 1) })
	}
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	t.Cleanup(func() { _ = rdb.Close() })

	s.Creds = []apptest.Credential{stays}
	s.Configure(apptest.Settings{})
	s.Until("only the other one is due", func() bool {
		all := dues(t, rdb)
		_, there := all[goes.ID]
		return len(all) == 1 && !there
	})
	scheduler.Logged("configuration applied to the index")
	line := scheduler.Line("no longer configured")
	for _, want := range []string{
		goes.ID, `"current":"secret/` + goes.Path + `"`, `"journal":"keyturn-journal/`, "/" + goes.ID + `"`, `"rotation":"closed"`,
	} {
		if !strings.Contains(line, want) {
			t.Errorf("it does not say %s: %s", want, line)
		}
	}
	if s.Current(goes).Password != s.Target(goes).Live || s.Journal(goes).Version == 0 {
		t.Error("what it said to be in Vault is not there")
	}
	if line := scheduler.Line("configuration reloaded"); !strings.Contains(line, `"added":0,"changed":0,"removed":1`) {
		t.Error(line)
	}
}

func TestABrokenFileChangesNothingAndSaysWhy(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	often := s.SES("often", "schedule: {every: 4s}")
	s.Configure(apptest.Settings{})
	processes := []*apptest.Process{s.Start("scheduler"), s.Start("worker")}
	s.Until("it is rotated", func() bool { return s.Settled(often, 1) })

	s.WriteFile("keyturn.yaml", s.Config(apptest.Settings{}, often)+"  - {id: half}\n")
	for _, p := range processes {
		p.Logged("credentials[1].account: is missing")
		if status, body := p.Get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "configuration: ") {
			t.Errorf("%s: /readyz says %d: %s", p.Name, status, body)
		}
	}
	seen := s.Current(often).Version
	s.Until("the one before stays in force", func() bool { return s.Settled(often, seen+2) })

	more := s.SES("more")
	s.Configure(apptest.Settings{})
	for _, p := range processes {
		p.Logged("ready again")
	}
	s.Until("what was added is rotated", func() bool { return s.Settled(more, 1) })
	for _, p := range processes {
		if line := p.Line("configuration reloaded"); !strings.Contains(line, `"added":1,"changed":0,"removed":0`) {
			t.Errorf("%s: %s", p.Name, line)
		}
	}
}

func TestASignalMakesTheProcessesReadTheirFilesAnew(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.SES("one")
	s.Configure(apptest.Settings{})
	for _, name := range []string{"scheduler", "worker"} {
		p := s.Start(name)
		if err := syscall.Kill(p.PID(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.Logged("configuration reloaded")
	}
}

func TestASchedulerWithAnotherConfigurationIsReported(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	known := s.SES("known")
	s.Configure(apptest.Settings{})
	one := s.Start("scheduler")
	one.Until("it counts itself", func(metrics string) bool { return strings.Contains(metrics, "\nkeyturn_configurations 1\n") })
	other := s.WriteFile("other.yaml", s.Config(apptest.Settings{}, known, s.SES("more")))
	two := s.Start("scheduler", "-config", other)
	for _, p := range []*apptest.Process{one, two} {
		p.Until("it counts both", func(metrics string) bool { return strings.Contains(metrics, "\nkeyturn_configurations 2\n") })
		p.Logged("different configurations")
	}
	if err := two.Stop(); err != nil {
		t.Error(err)
	}
	one.Until("it is alone again", func(metrics string) bool { return strings.Contains(metrics, "\nkeyturn_configurations 1\n") })
}
