package apptest

import (
	"os"
	"strings"

	"keyturn/internal/devenv"
)

// Process is a running worker or scheduler.
type Process struct {
	*devenv.Program
	Name string

	stage *Stage
}

// environ holds the management keys that the programs find in their environment; others stand in a file and in Vault.
func (s *Stage) environ() []string {
	return append([]string{"SES_ID=" + s.Keys.SESID, "KIRIM_USER=" + s.Keys.KirimUser}, s.Env...)
}

// set is the stage as the programs see it.
func (s *Stage) set() *devenv.Stage {
	return &devenv.Stage{Dir: s.Dir, Env: s.environ(), Redis: s.Redis, Vault: s.Vault}
}

// Start runs the worker or the scheduler on keyturn.yaml and waits until it is ready. It ends with the test.
func (s *Stage) Start(name string, args ...string) *Process {
	s.tb.Helper()
	program, err := s.set().Launch(s.tb.Context(), devenv.Launch{Program: name, Args: append([]string{"-log-level", "debug"}, args...)})
	if err != nil {
		s.tb.Fatal(err)
	}
	p := &Process{Program: program, Name: name, stage: s}
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

// Get returns what the process answers.
func (p *Process) Get(path string) (status int, body string) {
	p.stage.tb.Helper()
	status, body, err := p.Program.Get(p.stage.tb.Context(), path)
	if err != nil {
		p.stage.tb.Fatal(err)
	}
	return status, body
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
	output, status, err := s.set().Rotatectl(s.tb.Context(), input, args...)
	if err != nil {
		s.tb.Fatal(err)
	}
	return output, status
}
