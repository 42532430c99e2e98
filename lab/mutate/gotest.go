package main

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

// The ends of tests that say nothing about a patch.
var (
	errBuild   = errors.New("does not build")
	errTimeout = errors.New("the tests did not end in time, which does not say what is broken")
)

// event is a line of `go test -json`.
type event struct {
	Action string
	Test   string
	Output string
}

// fast has compilers save time: more than half of it would be spent on optimising and on debug information.
var fast = []string{"-N", "-l", "-dwarf=false"}

// building is how tests are built, and the programs that they build: fast, and without collecting the compiler's garbage. Without paths
// in what is built, what one tree has built serves all.
var building = []string{
	fmt.Sprintf("GOFLAGS=-trimpath -ldflags=-s '-gcflags=keyturn/...=%s'", strings.Join(fast, " ")),
	"GOGC=off", "GOMEMLIMIT=2GiB", "CGO_ENABLED=0",
}

// command returns a command of go in the tree.
func (t tree) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own patches
	cmd.Dir = string(t)
	cmd.Env = append(os.Environ(), building...)
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// test runs tests in the tree, and returns the first that failed, "" if all passed. An error means that they gave no
// answer.
func (t tree) test(ctx context.Context, tests string, limit time.Duration) (failed string, err error) {
	args := []string{"test", "-json", "-vet=off", "-failfast", "-count=1", "-timeout", limit.String()} // what vet finds is no test's merit
	return hear(ctx, t.command(ctx, append(args, strings.Fields(tests)...)...))
}

// test is the same with one changed file, or none, and takes a third of the time where that is all that has to be compiled.
func (p *program) test(ctx context.Context, t tree, changed, tests string, limit time.Duration) (failed string, err error) {
	binary := string(t) + ".test"
	switch err := p.build(ctx, t, changed, binary); {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, errElsewhere), errors.Is(err, errBuild): // go build may have what was not built yet
		return t.test(ctx, tests, limit)
	case err != nil:
		return "", err
	}
	args := []string{"tool", "test2json", binary, "-test.v=test2json", "-test.paniconexit0", "-test.failfast", "-test.timeout", limit.String()}
	for _, word := range strings.Fields(tests)[1:] {
		if flag, ok := strings.CutPrefix(word, "-"); ok {
			word = "-test." + flag
		}
		args = append(args, word)
	}
	cmd := t.command(ctx, args...)
	cmd.Dir = filepath.Join(cmd.Dir, p.pkg)
	return hear(ctx, cmd)
}

// hear runs what tells of tests in JSON.
func hear(ctx context.Context, cmd *exec.Cmd) (failed string, err error) {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	failed, last, answer := listen(stdout)
	_, _ = io.Copy(io.Discard, stdout) // or a program that was misread would wait to be heard
	var exit *exec.ExitError
	switch err := cmd.Wait(); {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case answer != nil:
		return "", fmt.Errorf("%w:\n%s", answer, last)
	case errors.As(err, &exit) && failed == "":
		return "", fmt.Errorf("go %s: %w:\n%s", strings.Join(cmd.Args[1:], " "), err, last)
	case errors.As(err, &exit):
		return failed, nil
	default:
		return "", err
	}
}

// listen reads what `go test -json` says: the first test that failed, and the end of all output.
func listen(from io.Reader) (failed, last string, err error) {
	const most = 4 << 10
	for decoder := json.NewDecoder(from); ; {
		var e event
		switch reason := decoder.Decode(&e); {
		case reason == io.EOF:
			return failed, last, err
		case reason != nil:
			return failed, last, fmt.Errorf("read what go test says: %w", reason)
		}
		last += e.Output
		last = last[max(0, len(last)-most):]
		switch {
		case e.Action == "build-fail":
			err = errBuild
		case strings.HasPrefix(e.Output, "panic: test timed out") && failed == "":
			err = fmt.Errorf("%w: %s", errTimeout, e.Test)
		case e.Action == "fail" && failed == "":
			failed = e.Test
			if e.Test == "" {
				failed = "TestMain" // of the package as a whole: a goroutine that leaked
			}
		}
	}
}
