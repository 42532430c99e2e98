package devenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// startTimeout bounds the wait for a process to become ready; a loaded machine needs seconds.
	startTimeout = 60 * time.Second
	// defaultGrace is how long Stop waits before it kills.
	defaultGrace = 15 * time.Second
	// probeInterval is the pause between two questions whether a process is ready.
	probeInterval = 5 * time.Millisecond
)

// Command says what to start and how to know that it is ready. The zero value of all but Path is usable.
type Command struct {
	Name string   // in errors; the base name of Path if empty
	Path string   // the program
	Args []string // anybody on the machine can read them: never a secret
	Env  []string // KEY=value, added to Environ()
	Dir  string   // working folder
	Log  string   // file to which output is appended; discarded if empty

	// Ready, a pointer, makes Start wait for one line of JSON on standard output and decodes it there.
	Ready any
	// Probe makes Start wait until it returns nil. It is asked again and again; pid is the process's own id.
	Probe func(ctx context.Context, pid int) error
	// Grace is how long Stop waits after SIGTERM; 15 s if zero.
	Grace time.Duration
}

// Process is a started Command. It can be stopped and started again; its methods may be called from any goroutine,
// but Stop, Kill and Restart only one at a time.
type Process struct {
	command Command

	mu  sync.Mutex
	run *run
}

// run is one life of a process.
type run struct {
	cmd    *exec.Cmd
	output *output
	done   chan struct{} // closed when the process has ended
	err    error         // how it ended; to be read after done
}

// Start starts a process and waits until it is ready. The context bounds the start, not the life of the process,
// which lasts until Stop or Kill; where the system allows it, it ends with its parent. A process that is not ready in
// time, or ends before it is, is a *StartError.
func Start(ctx context.Context, command Command) (*Process, error) {
	p := &Process{command: command}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Restart stops the process if it runs, and starts it again with the same command.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Stop(); err != nil {
		return err
	}
	return p.start(ctx)
}

// PID is the id of the process, also after its end.
func (p *Process) PID() int { return p.current().cmd.Process.Pid }

// Done is closed when the process ends. After a Restart it is another channel.
func (p *Process) Done() <-chan struct{} { return p.current().done }

// Stop asks the process to end (SIGTERM), waits, and kills it when its grace is over. It returns nil for a process
// that has already ended, and an error for one that had to be killed or that ended with a failure.
func (p *Process) Stop() error {
	r := p.current()
	if r.ended() {
		return nil
	}
	// A paused process handles no signal; on one that runs this does nothing.
	if err := errors.Join(r.signal(syscall.SIGTERM), r.signal(syscall.SIGCONT)); err != nil {
		return p.fail(err)
	}
	grace := p.command.Grace
	if grace == 0 {
		grace = defaultGrace
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		return p.fail(errors.Join(fmt.Errorf("still alive %v after SIGTERM: killed", grace), p.Kill()))
	}
	if r.err != nil && !r.endedBy(syscall.SIGTERM) {
		return p.fail(r.err)
	}
	return nil
}

// Kill ends the process at once (SIGKILL) and waits for its end. It returns nil for one that has already ended.
func (p *Process) Kill() error {
	r := p.current()
	if err := r.signal(syscall.SIGKILL); err != nil {
		return p.fail(err)
	}
	<-r.done
	return nil
}

// Pause freezes the process (SIGSTOP): it keeps its sockets and its memory, and does nothing.
func (p *Process) Pause() error { return p.fail(p.current().signal(syscall.SIGSTOP)) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.fail(p.current().signal(syscall.SIGCONT)) }

func (p *Process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// fail puts the process's name before an error.
func (p *Process) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.command.name(), err)
}

func (r *run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// signal sends a signal; a process that has ended needs none.
func (r *run) signal(sig os.Signal) error {
	if err := r.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func (r *run) endedBy(sig syscall.Signal) bool {
	status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == sig
}
