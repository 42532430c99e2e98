package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"keyturn/internal/devenv"
)

//go:embed keyturn.yaml.tmpl
var configTemplate string

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
	Sandbox   sandboxReady
	workers   []*devenv.Process
	scheduler []*devenv.Process
	killed    int
}

// raise starts everything, the servers first. What was started is ended again if anything fails.
func raise(ctx context.Context, dir string, fleet []credential) (s *stage, err error) {
	s = &stage{dir: dir, fleet: fleet}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.strike())
		}
	}()
	step := func(what string) { fmt.Println("demo:", what) }
	step("building worker, scheduler, rotatectl and sandbox")
	bin := filepath.Join(dir, "bin")
	if err := devenv.Build(ctx, bin, "./cmd/worker", "./cmd/scheduler", "./cmd/rotatectl", "./cmd/sandbox"); err != nil {
		return s, err
	}
	step("starting Redis, Vault (the first time it is built, which takes minutes) and the sandbox")
	if s.redis, err = devenv.StartRedis(ctx, devenv.RedisOptions{}); err != nil {
		return s, err
	}
	if s.vault, err = devenv.StartVault(ctx, devenv.VaultOptions{}); err != nil {
		return s, err
	}
	if err := s.startSandbox(ctx); err != nil {
		return s, err
	}
	if err := s.writeConfig(); err != nil {
		return s, err
	}
	step("starting one scheduler and two workers")
	return s, s.startFleet(ctx)
}

// startFleet starts keyturn itself.
func (s *stage) startFleet(ctx context.Context) error {
	for range 2 {
		if err := s.startWorker(ctx); err != nil {
			return err
		}
	}
	scheduler, err := s.start(ctx, "scheduler")
	if err == nil {
		s.scheduler = append(s.scheduler, scheduler)
	}
	return err
}

// stopFleet stops keyturn and leaves the servers.
func (s *stage) stopFleet() error {
	var problems []error
	for _, p := range append(s.scheduler, s.workers...) {
		problems = append(problems, p.Stop())
	}
	s.scheduler, s.workers = nil, nil
	return errors.Join(problems...)
}

func (s *stage) startSandbox(ctx context.Context) error {
	type target struct {
		Target   string `json:"target"`
		Username string `json:"username,omitempty"`
	}
	type provider struct {
		Targets []target `json:"targets"`
	}
	data := map[string]map[string]*provider{"providers": {}}
	for _, c := range s.fleet {
		p := data["providers"][c.Provider]
		if p == nil {
			p = &provider{}
			data["providers"][c.Provider] = p
		}
		t := target{Target: c.Target}
		if c.Provider == "kirimemail" {
			t.Username = c.Username
		}
		p.Targets = append(p.Targets, t)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "sandbox.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	s.box, err = devenv.Start(ctx, devenv.Command{
		Path: filepath.Join(s.dir, "bin", "sandbox"), Log: filepath.Join(s.dir, "sandbox.log"), Ready: &s.Sandbox,
		Args: []string{
			"-listen", "127.0.0.1:0", "-data", file, "-ca-out", filepath.Join(s.dir, "ca.pem"),
			"-rate", "tencent-ses=100/s", "-rate", "kirimemail=100/s", "-rate", "alibaba-directmail=100/s", "-rate", "enom=100/s",
		},
	})
	return err
}

func (s *stage) writeConfig() error {
	if err := os.WriteFile(filepath.Join(s.dir, "vault-token"), []byte(s.vault.Token), 0o600); err != nil {
		return err
	}
	t, err := template.New("keyturn.yaml").Parse(configTemplate)
	if err != nil {
		return err
	}
	f, err := os.Create(s.config())
	if err != nil {
		return err
	}
	err = t.Execute(f, map[string]any{
		"Dir": s.dir, "Redis": s.redis.Addr, "Vault": s.vault.Addr, "Sandbox": s.Sandbox, "Credentials": s.fleet,
	})
	return errors.Join(err, f.Close())
}

func (s *stage) config() string { return filepath.Join(s.dir, "keyturn.yaml") }

// keys are the sandbox's own management keys; there is nothing to hide about them.
var keys = []string{
	"DEMO_TENCENT_ID=testid", "DEMO_TENCENT_KEY=testsecret", "DEMO_KIRIM_USER=api", "DEMO_KIRIM_TOKEN=test-token",
	"DEMO_ALIBABA_ID=testid", "DEMO_ALIBABA_KEY=testsecret", "DEMO_ENOM_ID=resellid", "DEMO_ENOM_TOKEN=resellpw",
}

func (s *stage) startWorker(ctx context.Context) error {
	w, err := s.start(ctx, "worker")
	if err == nil {
		s.workers = append(s.workers, w)
	}
	return err
}

// start starts one of keyturn's processes and waits until it says that it is ready.
func (s *stage) start(ctx context.Context, name string) (*devenv.Process, error) {
	port, err := devenv.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	return devenv.Start(ctx, devenv.Command{
		Path: filepath.Join(s.dir, "bin", name), Args: []string{"-config", s.config(), "-listen", addr}, Env: keys,
		Log:   filepath.Join(s.dir, fmt.Sprintf("%s-%d.log", name, port)),
		Probe: func(ctx context.Context, _ int) error { return getJSON(ctx, "http://"+addr+"/readyz", "", nil) },
	})
}

// strike ends everything, in the reverse order.
func (s *stage) strike() error {
	problems := []error{s.stopFleet()}
	if s.box != nil {
		problems = append(problems, s.box.Stop())
	}
	if s.vault != nil {
		problems = append(problems, s.vault.Stop())
	}
	if s.redis != nil {
		problems = append(problems, s.redis.Stop())
	}
	return errors.Join(problems...)
}
