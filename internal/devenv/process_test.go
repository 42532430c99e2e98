package devenv_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
)

// ready is what a child says when it serves.
type ready struct {
	PID   int    `json:"pid"`
	Vault string `json:"vault"`
}

// child is the command of this test binary in a role.
func child(t *testing.T, role string, into any) devenv.Command {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return devenv.Command{
		Name: role, Path: self, Env: []string{childVariable + "=" + role},
		Log: filepath.Join(t.TempDir(), "child.log"), Ready: into,
	}
}

func TestStartWaitsForTheReadyLineAndLogsTheRest(t *testing.T) {
	t.Parallel()
	var got ready
	command := child(t, "serve", &got)
	process := devenvtest.Process(t, command)
	if got.PID != process.PID() {
		t.Errorf("the ready line names process %d, PID is %d", got.PID, process.PID())
	}
	if err := process.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
	log, err := os.ReadFile(command.Log)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"a line of log", "a line that is no JSON"} {
		if !strings.Contains(string(log), line) {
			t.Errorf("the log lacks %q:\n%s", line, log)
		}
	}
}

func TestStartErrorShowsTheLastOutput(t *testing.T) {
	t.Parallel()
	_, err := devenv.Start(t.Context(), child(t, "broken", &ready{}))
	var failed *devenv.StartError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a StartError", err)
	}
	if !strings.Contains(err.Error(), "the reason why") {
		t.Errorf("the error hides what the process wrote: %v", err)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	command := child(t, "serve", &ready{})
	command.Probe = func(context.Context, int) error {
		cancel(enough)
		return errors.New("not yet")
	}
	if _, err := devenv.Start(ctx, command); !errors.Is(err, enough) {
		t.Errorf("got %v, want the cause of the cancellation", err)
	}
}

func TestProcessOutlivesTheContextOfItsStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	process, err := devenv.Start(ctx, child(t, "serve", &ready{}))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := process.Stop(); err != nil {
		t.Errorf("Stop, which reports a process that did not end by itself: %v", err)
	}
}

func TestRestartIsANewLifeOfTheSameCommand(t *testing.T) {
	t.Parallel()
	var got ready
	process := devenvtest.Process(t, child(t, "serve", &got))
	first := process.PID()
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := process.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if process.PID() == first || got.PID != process.PID() {
		t.Errorf("first life %d, second %d, which calls itself %d", first, process.PID(), got.PID)
	}
}

func TestKillEndsAPausedProcess(t *testing.T) {
	t.Parallel()
	process := devenvtest.Process(t, child(t, "serve", &ready{}))
	if err := process.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-process.Done()
}

func TestStopEndsAPausedProcessInOrder(t *testing.T) {
	t.Parallel()
	process := devenvtest.Process(t, child(t, "serve", &ready{}))
	if err := process.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(); err != nil {
		t.Error(err)
	}
}

func TestStopKillsAProcessThatIgnoresItAndSaysSo(t *testing.T) {
	t.Parallel()
	command := child(t, "stubborn", &ready{})
	command.Grace = time.Millisecond
	process, err := devenv.Start(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(); err == nil {
		t.Error("Stop was silent about a process that it had to kill")
	}
	<-process.Done()
}

func TestStopReportsAFailingEnd(t *testing.T) {
	t.Parallel()
	process, err := devenv.Start(t.Context(), child(t, "failing", &ready{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want exit status 3", err)
	}
}
