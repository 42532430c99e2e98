package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/devenv"
	"keyturn/internal/providers"
)

// lab is what all sections share. Each starts a Redis of its own.
type lab struct {
	dir     string
	vault   *devenv.Vault
	box     *sandbox
	profile string // where a CPU profile goes; "" for none
	fleets  int    // made so far
}

// sandbox is a running cmd/sandbox.
type sandbox struct {
	*devenv.Process
	Providers map[string]string `json:"providers"`
	SMTP      map[string]string `json:"smtp"`
	Admin     string            `json:"admin"`
	ca        string
}

func open(ctx context.Context) (l *lab, err error) {
	dir, err := os.MkdirTemp("", "keyturn-bench-")
	if err != nil {
		return nil, err
	}
	l = &lab{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if err := devenv.Build(ctx, l.bin(""), "./cmd/worker", "./cmd/scheduler", "./cmd/sandbox"); err != nil {
		return nil, err
	}
	if l.vault, err = devenv.StartVault(ctx, devenv.VaultOptions{}); err != nil {
		return nil, err
	}
	if l.box, err = l.startSandbox(ctx, "-rate", provider+"=0"); err != nil {
		return nil, err
	}
	if err := os.WriteFile(l.tokenFile(), []byte(l.vault.Token), 0o600); err != nil {
		return nil, err
	}
	// The accounts of the fleets that are run in this process read their keys as any worker does.
	return l, errors.Join(os.Setenv("BENCH_ID", "testid"), os.Setenv("BENCH_KEY", "testsecret"))
}

func (l *lab) close() error {
	var problems []error
	if l.box != nil {
		problems = append(problems, l.box.Stop())
	}
	if l.vault != nil {
		problems = append(problems, l.vault.Stop())
	}
	return errors.Join(append(problems, os.RemoveAll(l.dir))...)
}

func (l *lab) bin(name string) string { return filepath.Join(l.dir, "bin", name) }
func (l *lab) tokenFile() string      { return filepath.Join(l.dir, "vault-token") }

func (l *lab) startSandbox(ctx context.Context, args ...string) (*sandbox, error) {
	box := &sandbox{ca: filepath.Join(l.dir, "ca.pem")}
	var err error
	box.Process, err = devenv.Start(ctx, devenv.Command{
		Path: l.bin("sandbox"), Args: append([]string{"-listen", "127.0.0.1:0", "-ca-out", box.ca}, args...), Ready: box,
	})
	return box, err
}

// know makes the sandbox know the first n targets of a fleet.
func (b *sandbox) know(ctx context.Context, f *fleet, n int) error {
	body := map[string]any{"provider": provider, "pattern": map[string]any{"target": f.name + "-%07d@example.com", "count": n}}
	return call(ctx, http.MethodPost, b.Admin+"/targets", "", body, nil)
}

// describe prints the machine and the defaults that everything is measured with.
func (l *lab) describe() error {
	f, err := l.fleet(plan{size: 1})
	if err != nil {
		return err
	}
	cfg, err := config.Load(f.config(), providers.All())
	if err != nil {
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	t := cfg.Timing
	fmt.Printf("default: timing provider_timeout=%s task_timeout=%s resume_after=%s min_interval=%s recheck_after=%s\n",
		t.ProviderTimeout, t.TaskTimeout, t.ResumeAfter, t.MinInterval, t.RecheckAfter)
	for name, a := range cfg.Accounts {
		fmt.Printf("default: account %s concurrency=%d timeout=%s (rate of this bench: %v)\n", name, a.Concurrency, a.Timeout, a.Rates)
	}
	return nil
}

var httpClient = &http.Client{Timeout: 30 * time.Second}

// call speaks JSON; token is Vault's, if it is Vault.
func call(ctx context.Context, method, url, token string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	res, err := httpClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: HTTP %d", method, url, res.StatusCode)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
