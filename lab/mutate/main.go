// Command mutate breaks keyturn on purpose: it applies one small patch at a time to a copy of the sources and runs the
// tests that have to notice. A patch that no test notices names a property that nothing holds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"keyturn/internal/devenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	only := flag.String("only", "", "apply only the patches whose name matches this regular expression")
	workers := flag.Int("workers", 3*runtime.NumCPU(), "how many patches are tried at once, each in a copy of its own: most tests wait half of their time")
	limit := flag.Duration("limit", 2*time.Minute, "how long the tests of one patch may take")
	flag.Parse()
	if *workers < 1 || flag.NArg() > 0 {
		return errors.New("usage: mutate [-only REGEXP] [-workers N] [-limit DURATION]")
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	root, err := devenv.Root()
	if err != nil {
		return err
	}
	patches, err := load(filepath.Join(root, "lab", "mutate", "patches"), wanted)
	if err != nil {
		return err
	}
	c := campaign{root: root, patches: patches, workers: *workers, limit: *limit, out: os.Stdout}
	return c.run(ctx)
}
