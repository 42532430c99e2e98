package secret_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"keyturn/internal/secret"
)

// crashing is set in the children that are to crash, and says how.
const crashing = "SECRET_TEST_CRASH"

func TestMain(m *testing.M) {
	if how, child := os.LookupEnv(crashing); child {
		if err := secret.ForbidCore(); err != nil {
			panic(err)
		}
		started := make(chan struct{})
		go wait(started, make(chan struct{}), secret.New(canary), &unexported{secret.New(canary)}, secret.New(canary))
		<-started
		crashes()[how](secret.New(canary))
	}
	os.Exit(m.Run())
}

// wait keeps secrets on the stack of a goroutine that waits for nothing.
//
//go:noinline
func wait(started, never chan struct{}, v secret.Value, p *unexported, a any) {
	text := v.Reveal()
	close(started)
	<-never
	fmt.Fprint(os.Stderr, text, p, a) // keeps them alive
}

// crashes are ways to die with a secret in the hands of the one that dies.
func crashes() map[string]func(secret.Value) {
	return map[string]func(secret.Value){
		"of a secret":       func(v secret.Value) { panic(v) },
		"of a struct":       func(v secret.Value) { panic(unexported{v}) },
		"of a pointer":      func(v secret.Value) { panic(&exported{v}) },
		"of an error":       func(v secret.Value) { panic(fmt.Errorf("the password is %v, %+v", v, unexported{v})) },
		"of a wrapped one":  func(v secret.Value) { panic(errors.Join(fmt.Errorf("in %s", deep{Any: v}))) },
		"of the arguments":  func(v secret.Value) { fail(v, v.Reveal(), []byte(v.Reveal()), exported{v}) },
		"of the runtime":    func(v secret.Value) { _ = []secret.Value{v}[len(os.Args)] },
		"of a conversion":   func(v secret.Value) { _ = any(v).(error) },
		"within a deferred": func(v secret.Value) { defer func() { panic(recover()) }(); panic(deep{Any: v}) },
	}
}

//go:noinline
func fail(v secret.Value, text string, data []byte, e exported) {
	panic(fmt.Sprint(v, len(text), len(data), e))
}

func TestACrashShowsNoSecretAndLeavesNoCore(t *testing.T) {
	t.Parallel()
	for how := range crashes() {
		for _, traceback := range []string{"all", "system", "crash"} {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), crashing+"="+how, "GOTRACEBACK="+traceback)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) {
				t.Fatalf("%s: it did not crash: %v", how, err)
			}
			if !strings.Contains(out.String(), "panic: ") || strings.Count(out.String(), "goroutine ") < 2 {
				t.Fatalf("%s: not what a crash writes: %s", how, out.String())
			}
			if found := leaks(out.String()); found != nil {
				t.Errorf("%s, GOTRACEBACK=%s: it shows %v", how, traceback, found)
			}
			if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.CoreDump() {
				t.Errorf("%s, GOTRACEBACK=%s: it left a core file", how, traceback)
			}
		}
	}
}
