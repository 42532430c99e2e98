package docs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"keyturn/internal/devenv"
)

// reader is who follows a page: a bash in a folder of its own, with programs of its own on PATH.
type reader struct {
	dir, bin string   // the folder; that of the programs
	env      []string // KEY=value
}

// newReader has keyturn's programs, and a vault (vault_test.go) whose server listens where it is told.
func newReader(t *testing.T, vaultPort int) *reader {
	t.Helper()
	r := &reader{dir: t.TempDir()}
	r.bin = filepath.Join(r.dir, "bin")
	if err := os.Mkdir(r.bin, 0o700); err != nil {
		t.Fatal(err)
	}
	server, err := devenv.VaultBinary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(r.bin, "vault")); err != nil {
		t.Fatal(err)
	}
	r.env = []string{"VAULT_DEV_LISTEN_ADDRESS=" + loopback(vaultPort), vaultServer + "=" + server}
	return r
}

// listen has a program listen elsewhere than by default: tests run side by side, and beside what is on the machine.
func (r *reader) listen(t *testing.T, program, arguments string) {
	t.Helper()
	behind, err := exec.LookPath(filepath.Join(r.bin, program))
	if err == nil {
		if err := os.Rename(behind, behind+".real"); err != nil {
			t.Fatal(err)
		}
		behind += ".real"
	} else if behind, err = exec.LookPath(program); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\nexec '%s' %s \"$@\"\n", behind, arguments)
	if err := os.WriteFile(filepath.Join(r.bin, program), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// patience bounds a page, so that one that waits for what never comes fails instead of lasting.
const patience = 2 * time.Minute

// follow is try, which must get through.
func (r *reader) follow(t *testing.T, examples []string) (shown []string) {
	t.Helper()
	shown, err := r.try(t, examples)
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// outrun reports that another process was faster to take a port that had been free.
func (r *reader) outrun(t *testing.T) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(r.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".log" {
			return err
		}
		text, err := os.ReadFile(path)
		found = found || strings.Contains(strings.ToLower(string(text)), "address already in use")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// try types the examples one after the other into one bash, the first that fails being the last, and returns what each
// showed. What they leave running ends. The error says how far it came.
func (r *reader) try(t *testing.T, examples []string) (shown []string, err error) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	const begins = "\n@@@ the next example\n"
	script := "set -eu\n"
	for _, example := range examples {
		script += "printf '%s'" + fmt.Sprintf(" $'%s'\n", strings.ReplaceAll(begins, "\n", `\n`)) + example
	}
	// A file, because what runs on in the background would keep a pipe open.
	out, err := os.Create(filepath.Join(r.dir, "shown"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bash, "--noprofile", "--norc", "-c", script)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, out, out
	cmd.Env = append(devenv.Environ(), append(r.env, "PATH="+r.bin+string(filepath.ListSeparator)+os.Getenv("PATH"))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	problem := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what a page that failed has left
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	shown = strings.Split(string(text), begins)[1:]
	if problem != nil || len(shown) != len(examples) {
		last := examples[max(len(shown), 1)-1]
		if problem == nil {
			problem = errUnfinished
		}
		return nil, fmt.Errorf("%w, and so far\n%s\n\nin the example\n%s", problem, text, last)
	}
	return shown, nil
}

var errUnfinished = errors.New("not all of the page was typed")

// varies is what differs from one run to the next: times and durations.
var varies = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z|\b\d+(\.\d+)?(ms|µs|m|s)\b(\d+(\.\d+)?s)?`)

// compare holds a text that a page shows against what was shown: its lines, in order, whatever the time and the blanks
// between columns.
func compare(t *testing.T, page, shown string) {
	t.Helper()
	common := func(line string) string {
		return strings.Join(strings.Fields(varies.ReplaceAllString(line, "TIME")), " ")
	}
	rest := strings.Split(shown, "\n")
	for line := range strings.Lines(page) {
		want := common(line)
		for want != "" && len(rest) > 0 && common(rest[0]) != want {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			t.Errorf("the page shows %q, and this was shown:\n%s", want, shown)
			return
		}
	}
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// freePort is one that no process has at this moment.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := devenv.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
