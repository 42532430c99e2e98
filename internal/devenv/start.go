package devenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// StartError says that a process did not become ready. Output holds the last that it wrote.
type StartError struct {
	Name   string
	Err    error
	Output string
}

func (e *StartError) Error() string {
	text := fmt.Sprintf("start %s: %v", e.Name, e.Err)
	if e.Output != "" {
		text += "\n" + e.Output
	}
	return text
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// portTaken says whether the process ended because another process has its port.
func (e *StartError) portTaken() bool {
	return strings.Contains(strings.ToLower(e.Output), "address already in use")
}

// errEnded means that a process ended before it was ready.
var errEnded = errors.New("ended before it was ready")

func (c *Command) name() string {
	if c.Name != "" {
		return c.Name
	}
	return filepath.Base(c.Path)
}

func (p *Process) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	r, err := launch(ctx, &p.command)
	if err != nil {
		return &StartError{Name: p.command.name(), Err: err}
	}
	p.mu.Lock()
	p.run = r
	p.mu.Unlock()
	if err := r.awaitReady(ctx, &p.command); err != nil {
		_ = p.Kill() // the cause is what counts
		return &StartError{Name: p.command.name(), Err: err, Output: r.output.last()}
	}
	return nil
}

// launch starts the process and a goroutine that collects its end.
func launch(ctx context.Context, c *Command) (*run, error) {
	var log io.WriteCloser = nopCloser{io.Discard}
	if c.Log != "" {
		file, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		log = file
	}
	out := newOutput(log)
	// The process outlives the context of its start.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.Path, c.Args...) //nolint:gosec // starting what the caller names is the job
	cmd.Dir = c.Dir
	cmd.Env = append(Environ(), c.Env...)
	cmd.Stdout = out.stdout()
	cmd.Stderr = out
	cmd.SysProcAttr = childAttributes()
	// A grandchild that holds the output open must not hold up the news of the end.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	r := &run{cmd: cmd, output: out, done: make(chan struct{})}
	go func() {
		r.err = cmd.Wait()
		_ = log.Close()
		close(r.done)
	}()
	return r, nil
}

// awaitReady waits for the line of JSON and for the probe, where the command asks for them.
func (r *run) awaitReady(ctx context.Context, c *Command) error {
	if c.Ready != nil {
		select {
		case line := <-r.output.ready:
			if err := json.Unmarshal(line, c.Ready); err != nil {
				return fmt.Errorf("ready line: %w", err)
			}
		case <-r.done:
			return r.endError()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if c.Probe == nil {
		return nil
	}
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		err := c.Probe(ctx, r.cmd.Process.Pid)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-r.done:
			return r.endError()
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

func (r *run) endError() error {
	if r.err == nil {
		return errEnded
	}
	return fmt.Errorf("%w: %w", errEnded, r.err)
}
