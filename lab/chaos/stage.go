package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"keyturn/internal/devenv"
)

// stage is everything that runs.
type stage struct {
	*devenv.Stage
	fleet     []credential
	barred    []credential
	managed   []credential
	consumed  map[string]bool // ids of the credentials that a program logs in with all the time
	known     map[string]bool // targets of minters that are no identities of an overlap
	front     *front
	receiver  *receiver
	wires     *wires
	proxied   map[string]string // addresses of the proxies, by server
	workers   []*member
	scheduler []*member
	timeline  *timeline
	away      outages // of Redis or Vault

	late sync.Mutex // held by a late write: two at once could meet at one credential
}

const (
	workers    = 3
	schedulers = 2

	// fastWorker is the program of the last worker: its clock is fastBy ahead.
	fastWorker = "worker-ahead"
	fastBy     = time.Hour
)

// raise starts everything, the servers first. What was started is ended again if anything fails.
func raise(ctx context.Context, dir string) (s *stage, err error) {
	s = &stage{Stage: &devenv.Stage{Dir: dir, Env: keys}, fleet: fleet(), barred: barred(), managed: managed(), wires: newWires(), proxied: map[string]string{}, known: map[string]bool{}, consumed: map[string]bool{}}
	opts := devenv.StageOptions{
		Redis: &devenv.RedisOptions{Dir: filepath.Join(dir, "redis")}, Vault: devenv.VaultOptions{Dir: filepath.Join(dir, "vault")},
	}
	if opts.Sandbox, err = s.sandboxFlags(); err != nil {
		return nil, err
	}
	if err := s.Raise(ctx, opts); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.strike())
		}
	}()
	if s.timeline, err = newTimeline(filepath.Join(dir, "timeline.log")); err != nil {
		return s, err
	}
	if s.front, err = newFront(ctx, s.Vault.Addr); err != nil {
		return s, err
	}
	if err := devenv.BuildAhead(ctx, filepath.Join(s.Bin, fastWorker), "./cmd/worker", fastBy); err != nil {
		return s, err
	}
	for _, c := range slices.Concat(s.fleet, s.barred) {
		if err := s.Box.Know(ctx, c.Credential); err != nil {
			return s, err
		}
	}
	if err := s.found(ctx); err != nil {
		return s, err
	}
	state, err := s.Box.State(ctx)
	if err != nil {
		return s, err
	}
	for _, code := range minters {
		for target := range state[code] {
			s.known[identity(code, target)] = true
		}
	}
	if s.receiver, err = newReceiver(ctx, dir, s.WriteFile); err != nil {
		return s, err
	}
	if err := s.wire(ctx); err != nil {
		return s, err
	}
	if err := s.configure("7s", checkEvery.String()); err != nil {
		return s, err
	}
	return s, s.enlist(ctx)
}

// sandboxFlags are those of a sandbox that plays described providers too, and whose limits are no hindrance.
func (s *stage) sandboxFlags() ([]string, error) {
	flags := []string{"-state", filepath.Join(s.Dir, "sandbox-state.json")}
	for _, name := range []string{"maker.yaml", "minter.yaml"} {
		text, err := descriptions.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := s.WriteFile(name, string(text))
		if err != nil {
			return nil, err
		}
		flags = append(flags, "-provider", file)
	}
	for _, code := range append(slices.Clone(providers), cloud) {
		flags = append(flags, "-rate", code+"=100/s")
	}
	return flags, nil
}

// wire puts the proxies before the servers.
func (s *stage) wire(ctx context.Context) (err error) {
	upstreams := map[string]string{"redis": s.Redis.Addr, "vault": s.front.addr, cloud: s.Box.Providers[cloud]}
	for _, p := range providers {
		upstreams[p], upstreams["smtp "+p] = s.Box.Providers[p], s.Box.SMTP[p]
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
		m := &member{stage: s, name: fmt.Sprintf("worker-%d", i+1), program: "worker"}
		if i == workers-1 {
			m.program = fastWorker
		}
		s.workers = append(s.workers, m)
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
		if log, err := os.ReadFile(m.running().Log); m.program == fastWorker && !bytes.Contains(log, []byte("clock differs")) {
			return errors.Join(err, fmt.Errorf("%s does not notice that its clock is %v ahead", m.name, fastBy))
		}
	}
	return nil
}

func (s *stage) members() []*member { return append(append([]*member{}, s.scheduler...), s.workers...) }

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
	if s.receiver != nil {
		problems = append(problems, s.receiver.close())
	}
	if s.front != nil {
		problems = append(problems, s.front.close())
	}
	problems = append(problems, s.Strike())
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
