package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"keyturn/internal/devenv"
)

// sandboxReady is the line that the sandbox prints.
type sandboxReady struct {
	Providers map[string]string `json:"providers"`
	SMTP      map[string]string `json:"smtp"`
	Admin     string            `json:"admin"`
}

// stage is everything that runs.
type stage struct {
	dir       string
	fleet     []credential
	redis     *devenv.Redis
	vault     *devenv.Vault
	box       *devenv.Process
	sandbox   sandboxReady
	wires     *wires
	proxied   map[string]string // addresses of the proxies, by server
	workers   []*member
	scheduler []*member
	timeline  *timeline

	late sync.Mutex // held by a late write: two at once could meet at one credential
}

const (
	workers    = 3
	schedulers = 2
)

// raise starts everything, the servers first. What was started is ended again if anything fails.
func raise(ctx context.Context, dir string) (s *stage, err error) {
	s = &stage{dir: dir, fleet: fleet(), wires: newWires(), proxied: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.strike())
		}
	}()
	if s.timeline, err = newTimeline(filepath.Join(dir, "timeline.log")); err != nil {
		return s, err
	}
	if err := devenv.Build(ctx, filepath.Join(dir, "bin"), "./cmd/worker", "./cmd/scheduler", "./cmd/rotatectl", "./cmd/sandbox"); err != nil {
		return s, err
	}
	if s.redis, err = devenv.StartRedis(ctx, devenv.RedisOptions{Dir: filepath.Join(dir, "redis")}); err != nil {
		return s, err
	}
	if s.vault, err = devenv.StartVault(ctx, devenv.VaultOptions{Dir: filepath.Join(dir, "vault")}); err != nil {
		return s, err
	}
	if err := s.startSandbox(ctx); err != nil {
		return s, err
	}
	if err := s.wire(ctx); err != nil {
		return s, err
	}
	if err := os.WriteFile(filepath.Join(dir, "vault-token"), []byte(s.vault.Token), 0o600); err != nil {
		return s, err
	}
	if err := s.configure("7s", "20s"); err != nil {
		return s, err
	}
	return s, s.enlist(ctx)
}

// wire puts the proxies before the servers.
func (s *stage) wire(ctx context.Context) (err error) {
	upstreams := map[string]string{"redis": s.redis.Addr, "vault": s.vault.Addr}
	for _, p := range providers {
		upstreams[p], upstreams["smtp "+p] = s.sandbox.Providers[p], s.sandbox.SMTP[p]
	}
	for name, upstream := range upstreams {
		if s.proxied[name], err = s.wires.before(ctx, name, upstream); err != nil {
			return err
		}
	}
	return nil
}

// enlist starts keyturn's processes.
func (s *stage) enlist(ctx context.Context) error {
	for i := range workers {
		s.workers = append(s.workers, &member{stage: s, name: fmt.Sprintf("worker-%d", i+1), program: "worker"})
	}
	for i := range schedulers {
		s.scheduler = append(s.scheduler, &member{stage: s, name: fmt.Sprintf("scheduler-%d", i+1), program: "scheduler"})
	}
	for _, m := range s.members() {
		var err error
		if m.port, err = devenv.FreePort(ctx); err != nil {
			return err
		}
		if err := m.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) members() []*member { return append(append([]*member{}, s.scheduler...), s.workers...) }

func (s *stage) startSandbox(ctx context.Context) error {
	type target struct {
		Target   string `json:"target"`
		Username string `json:"username,omitempty"`
	}
	type provider struct {
		Targets []target `json:"targets"`
	}
	known := map[string]*provider{}
	args := []string{
		"-listen", "127.0.0.1:0", "-data", filepath.Join(s.dir, "sandbox.json"), "-ca-out", filepath.Join(s.dir, "ca.pem"),
		"-state", filepath.Join(s.dir, "sandbox-state.json"),
	}
	for _, code := range providers {
		known[code] = &provider{}
		args = append(args, "-rate", code+"=100/s")
	}
	for _, c := range s.fleet {
		t := target{Target: c.Target}
		if c.Provider == "kirimemail" {
			t.Username = c.Username
		}
		known[c.Provider].Targets = append(known[c.Provider].Targets, t)
	}
	text, err := json.Marshal(map[string]any{"providers": known})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "sandbox.json"), text, 0o600); err != nil {
		return err
	}
	s.box, err = devenv.Start(ctx, devenv.Command{
		Path: filepath.Join(s.dir, "bin", "sandbox"), Args: args, Log: filepath.Join(s.dir, "sandbox.log"), Ready: &s.sandbox,
	})
	return err
}

// strike ends everything, in the reverse order.
func (s *stage) strike() error {
	var problems []error
	var group sync.WaitGroup
	var mu sync.Mutex
	for _, m := range s.members() {
		group.Go(func() {
			err := m.stop()
			mu.Lock()
			defer mu.Unlock()
			problems = append(problems, err)
		})
	}
	group.Wait()
	s.wires.close()
	if s.box != nil {
		problems = append(problems, s.box.Stop())
	}
	if s.vault != nil {
		problems = append(problems, s.vault.Stop())
	}
	if s.redis != nil {
		problems = append(problems, s.redis.Stop())
	}
	if s.timeline != nil {
		problems = append(problems, s.timeline.file.Close())
	}
	return errors.Join(problems...)
}

// timeline is the record of what was done to whom, to be read beside the logs.
type timeline struct {
	mu   sync.Mutex
	file *os.File
}

func newTimeline(path string) (*timeline, error) {
	file, err := os.Create(path)
	return &timeline{file: file}, err
}

func (t *timeline) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.file, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
}
