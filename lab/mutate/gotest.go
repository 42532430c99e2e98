package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
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

// building is how tests are built, and the programs that they build. Most of the time goes into that: more than half of it would be
// spent on optimising, on debug information and on collecting the compiler's garbage. Without paths in what is built, what one tree
// has built serves all.
var building = []string{
	`GOFLAGS=-trimpath -ldflags=-s '-gcflags=keyturn/...=-N -l -dwarf=false'`, "GOGC=off", "GOMEMLIMIT=2GiB",
}

// test runs tests in the tree, and returns the first that failed, "" if all passed. An error means that they gave no
// answer.
func (t tree) test(ctx context.Context, tests string, limit time.Duration) (failed string, err error) {
	args := []string{"test", "-json", "-vet=off", "-failfast", "-count=1", "-timeout", limit.String()} // what vet finds is no test's merit
	cmd := exec.CommandContext(ctx, "go", append(args, strings.Fields(tests)...)...)                   //nolint:gosec // our own patches
	cmd.Dir = string(t)
	cmd.Env = append(os.Environ(), building...)
	cmd.WaitDelay = 10 * time.Second
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
