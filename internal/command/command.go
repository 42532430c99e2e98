// Package command runs what an operator has put into a directory, after a rotation.
package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Timeout is the longest that a command may run. Then it is killed, with all that it has started.
const Timeout = 30 * time.Second

const (
	maxOutput = 4 << 10 // bytes
	writable  = 0o022   // by group and others
	runnable  = 0o100
	lastWords = 2 * time.Second // for its output, once it has been killed
)

// Rotation is what a command is told on its standard input, as JSON.
type Rotation struct {
	Credential string `json:"credential"`
	Store      string `json:"store"`
	Path       string `json:"path"`
	Version    int    `json:"version"`
	Rotation   string `json:"rotation"`
}

// Dir is the directory whose files may be run. Who can write to it, or to them, can do what a worker can.
type Dir string

// Check reports why no file of the directory may be run: others could change what stands there.
func (d Dir) Check() error {
	if !filepath.IsAbs(string(d)) {
		return fmt.Errorf("%s is no absolute path", string(d))
	}
	path := filepath.Clean(string(d))
	if err := owned(path, fs.ModeDir); err != nil {
		return err
	}
	for path != "/" {
		path = filepath.Dir(path)
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&writable != 0 && info.Mode()&fs.ModeSticky == 0 {
			return fmt.Errorf("%s can be changed by others, and so can what stands in it", path)
		}
	}
	return nil
}

// Run runs a command of the directory without arguments and environment, and returns why it did not succeed. Output is what it
// printed, escaped.
func (d Dir) Run(ctx context.Context, name string, r Rotation) (output string, err error) {
	file := filepath.Join(string(d), filepath.Base(name))
	if err := errors.Join(d.Check(), owned(file, 0)); err != nil {
		return "", err
	}
	input, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	var out bounded
	cmd := exec.CommandContext(ctx, file) //nolint:gosec // what an operator put there
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = "/", []string{}, bytes.NewReader(append(input, '\n')), &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = lastWords
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	}
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("command %s did not end within %s, and was killed", name, Timeout)
	case errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success():
		err = nil // it has ended, and left a process behind that holds its output
	case errors.As(err, &exit):
		err = fmt.Errorf("command %s: %s", name, exit.ProcessState)
	case err != nil:
		err = fmt.Errorf("command %s: %w", name, err)
	}
	return out.String(), err
}

// owned reports why what stands at a path is not to be trusted.
func owned(path string, kind fs.FileMode) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode().Type() != kind && kind == fs.ModeDir:
		return fmt.Errorf("%s is no directory", path)
	case info.Mode().Type() != kind:
		return fmt.Errorf("%s is no regular file: links are not followed", path)
	case !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs neither to root nor to the worker's user: chown root %s", path, path)
	case info.Mode().Perm()&writable != 0:
		return fmt.Errorf("%s can be written by others: chmod go-w %s", path, path)
	case info.Mode().Perm()&runnable == 0:
		return fmt.Errorf("%s cannot be run: chmod u+x %s", path, path)
	}
	return nil
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ text []byte }

func (b *bounded) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), maxOutput-len(b.text))]...)
	return len(p), nil
}

// String is printable, whatever was written.
func (b *bounded) String() string {
	return strings.Trim(fmt.Sprintf("%+q", b.text), `"`)
}
