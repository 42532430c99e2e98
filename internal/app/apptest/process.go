package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"keyturn/internal/devenv"
)

// Process is a running worker or scheduler.
type Process struct {
	*devenv.Process
	Name string
	Addr string // of /healthz, /readyz and /metrics
	Log  string // file of all that it wrote

	stage *Stage
}

// environ holds the management keys that the programs find in their environment; others stand in a file and in Vault.
func (s *Stage) environ() []string {
	return append([]string{"SES_ID=" + s.Keys.SESID, "KIRIM_USER=" + s.Keys.KirimUser}, s.Env...)
}

// Start runs the worker or the scheduler on keyturn.yaml and waits until it is ready. It ends with the test.
func (s *Stage) Start(name string, args ...string) *Process {
	s.tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		s.tb.Fatal(err)
	}
	log, err := os.CreateTemp(s.Dir, name+"-*.log")
	if err != nil {
		s.tb.Fatal(err)
	}
	_ = log.Close()
	p := &Process{Name: name, Log: log.Name(), stage: s}
	process, err := devenv.Start(s.tb.Context(), devenv.Command{
		Path: path, Env: s.environ(), Log: p.Log, Probe: func(ctx context.Context, _ int) error { return p.probe(ctx) },
		Args: append([]string{"-config", filepath.Join(s.Dir, "keyturn.yaml"), "-listen", "127.0.0.1:0", "-log-level", "debug"}, args...),
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	p.Process = process
	s.tb.Cleanup(func() {
		if err := p.Stop(); err != nil {
			s.tb.Errorf("stop: %v", err)
		}
		if s.tb.Failed() {
			s.tb.Logf("%s wrote:\n%s", name, p.Output())
		}
	})
	return p
}

// probe finds out from the log where the process listens, and asks it whether it is ready.
func (p *Process) probe(ctx context.Context) error {
	for line := range bytes.Lines([]byte(p.Output())) {
		var started struct{ Msg, Listen string }
		if json.Unmarshal(line, &started) == nil && started.Msg == "started" {
			p.Addr = started.Listen
		}
	}
	if p.Addr == "" {
		return errors.New("it does not listen yet")
	}
	status, body, err := p.get(ctx, "/readyz")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("HTTP %d: %s", status, body)
	}
	return err
}

// Get returns what the process answers.
func (p *Process) Get(path string) (status int, body string) {
	p.stage.tb.Helper()
	status, body, err := p.get(p.stage.tb.Context(), path)
	if err != nil {
		p.stage.tb.Fatal(err)
	}
	return status, body
}

func (p *Process) get(ctx context.Context, path string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Addr+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// Until waits until the process's metrics say something.
func (p *Process) Until(what string, holds func(metrics string) bool) {
	p.stage.tb.Helper()
	p.stage.Until(p.Name+": "+what, func() bool {
		_, metrics := p.Get("/metrics")
		return holds(metrics)
	})
}

// Output is all that the process has written.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		p.stage.tb.Fatal(err)
	}
	return string(text)
}

// Logged waits until the process has written a text.
func (p *Process) Logged(text string) {
	p.stage.tb.Helper()
	p.stage.Until(p.Name+" logs "+text, func() bool { return strings.Contains(p.Output(), text) })
}

// Line is the first line that the process wrote with a text in it, which it waits for.
func (p *Process) Line(text string) string {
	p.stage.tb.Helper()
	p.Logged(text)
	for line := range strings.Lines(p.Output()) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// Ctl runs rotatectl on keyturn.yaml, and returns what it wrote and its exit status.
func (s *Stage) Ctl(args ...string) (output string, status int) {
	s.tb.Helper()
	return s.CtlIn("", args...)
}

// CtlIn is Ctl with something on standard input.
func (s *Stage) CtlIn(input string, args ...string) (output string, status int) {
	s.tb.Helper()
	cmd := exec.CommandContext(s.tb.Context(), "rotatectl", append([]string{"--config", filepath.Join(s.Dir, "keyturn.yaml")}, args...)...) //nolint:gosec // our own program
	cmd.Env = append(devenv.Environ(), s.environ()...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out), exit.ExitCode()
	case err != nil:
		s.tb.Fatal(err)
	}
	return string(out), 0
}
