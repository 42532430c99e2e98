package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var told = Rotation{Credential: "shop", Store: "default", Path: "mail/shop", Version: 7, Rotation: "r-1"}

// dir is a directory with one command.
func dir(t *testing.T, script string) Dir {
	t.Helper()
	d := filepath.Join(t.TempDir(), "hooks")
	if err := os.Mkdir(d, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d, "reload"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Dir(d)
}

func TestACommandIsToldWhatWasRotatedAndNothingElse(t *testing.T) {
	t.Setenv("KEYTURN_TEST_SECRET", "hunter2")
	out, err := dir(t, `/bin/cat; /usr/bin/env; echo "args: $#"; pwd`).Run(t.Context(), "reload", told)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{\"credential\":\"shop\",\"store\":\"default\",\"path\":\"mail/shop\",\"version\":7,\"rotation\":\"r-1\"}\n`; !strings.HasPrefix(out, want) {
		t.Errorf("got %s", out)
	}
	if strings.Contains(out, "hunter2") || !strings.Contains(out, "args: 0") || !strings.HasSuffix(out, `\n/\n`) {
		t.Errorf("got %s", out)
	}
}

func TestACommandsOutputIsBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	out, err := dir(t, `printf 'a\033[31mb\n'; while [ $((n+=1)) -lt 20000 ]; do echo 12345678; done; exit 3`).Run(t.Context(), "reload", told)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	if strings.ContainsAny(out, "\x1b\n") || len(out) > 2*maxOutput || !strings.HasPrefix(out, `a\x1b[31mb\n`) {
		t.Errorf("%d bytes: %.60s", len(out), out)
	}
}

func TestACommandThatDoesNotEndIsKilledWithAllThatItStarted(t *testing.T) {
	t.Parallel()
	marker := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	d := dir(t, "sleep 1000 & echo $! > "+marker+"; wait")
	ended := make(chan error, 1)
	go func() {
		_, err := d.Run(ctx, "reload", told)
		ended <- err
	}()
	for {
		if text, err := os.ReadFile(marker); err == nil && len(text) > 0 {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("it never began")
		}
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("it counts as done")
	}
	text, err := os.ReadFile(marker)
	if err != nil {
		t.Fatal(err)
	}
	// The signal has been sent when Run returns; a busy kernel may take a moment to carry it out.
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(text)) + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("what it started goes on: %s", state)
		default:
			runtime.Gosched()
		}
	}
}

func TestOnlyWhatOthersCannotChangeIsRun(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(d string) error{
		"a file that others can write":      func(d string) error { return os.Chmod(filepath.Join(d, "reload"), 0o722) },
		"a directory that others can write": func(d string) error { return os.Chmod(d, 0o777) },
		"a file that cannot be run":         func(d string) error { return os.Chmod(filepath.Join(d, "reload"), 0o600) },
		"a link": func(d string) error {
			return errors.Join(os.Rename(filepath.Join(d, "reload"), filepath.Join(d, "other")), os.Symlink("other", filepath.Join(d, "reload")))
		},
		"no file": func(d string) error { return os.Remove(filepath.Join(d, "reload")) },
		"a directory": func(d string) error {
			return errors.Join(os.Remove(filepath.Join(d, "reload")), os.Mkdir(filepath.Join(d, "reload"), 0o700))
		},
		"no directory": os.RemoveAll,
	} {
		d := dir(t, "touch "+filepath.Join(t.TempDir(), "ran"))
		if err := spoil(string(d)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Run(t.Context(), "reload", told); err == nil {
			t.Errorf("%s: it is run", name)
		}
	}
	outside := dir(t, "exit 0")
	if _, err := outside.Run(t.Context(), "../hooks/reload", told); err != nil {
		t.Errorf("a name's last part is what counts: %v", err)
	}
}

func TestACommandThatLeavesAProcessBehindHasSucceeded(t *testing.T) {
	t.Parallel()
	if out, err := dir(t, "sleep 1000 & echo done").Run(t.Context(), "reload", told); err != nil || out != `done\n` {
		t.Errorf("%v: %s", err, out)
	}
}

func TestNoDirectoryIsTrustedThatStandsInOneOfOthers(t *testing.T) {
	t.Parallel()
	d := dir(t, "exit 0")
	above := filepath.Dir(string(d))
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(above, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err == nil || !strings.Contains(err.Error(), above+" can be changed by others") {
		t.Errorf("got %v", err)
	}
	if err := Dir("hooks").Check(); err == nil {
		t.Error("a directory is found by where the worker runs")
	}
}
