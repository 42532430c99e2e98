package devenv_test

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// childVariable makes this test binary play the child of a test.
const childVariable = "DEVENV_TEST_CHILD"

// askedVariable has the name of a file that appears when a child may go on.
const askedVariable = "DEVENV_TEST_ASKED"

func TestMain(m *testing.M) {
	if role := os.Getenv(childVariable); role != "" {
		os.Exit(playChild(role))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("internal/poll.(*FD).Read"))
}

// playChild is the other side of the tests: a process that gets ready, or fails, in the way that its role says.
func playChild(role string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	switch role {
	case "serve":
		fmt.Fprintln(os.Stderr, "a line of log")
		fmt.Println("a line that is no JSON")
		fmt.Printf("{\"pid\": %d, \"vault\": %q}\n", os.Getpid(), os.Getenv("VAULT_ADDR")+os.Getenv("VAULT_TOKEN"))
		<-signals
		return 0
	case "stubborn":
		fmt.Println("{}")
		for {
			<-signals
		}
	case "failing":
		fmt.Println("{}")
		<-signals
		return 3
	case "late": // its port is another process's, which it finds out after that one was asked whether it is ready
		for {
			if _, err := os.Stat(os.Getenv(askedVariable)); err == nil {
				fmt.Fprintln(os.Stderr, "bind: address already in use")
				return 1
			}
		}
	default: // "broken"
		fmt.Fprintln(os.Stderr, "the reason why")
		return 1
	}
}
