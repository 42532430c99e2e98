// Command demo shows keyturn at work: it starts Redis, Vault and the sandbox of provider APIs, one scheduler and two
// workers as they would run anywhere, rotates a small fleet a few times while things go wrong, and proves with clients
// of its own that every password in Vault is the live one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"keyturn/internal/devenv"
)

func main() { devenv.Main("demo", run) }

const (
	rounds = 3               // rotations of every credential
	limit  = 4 * time.Minute // for all of them
)

var errMismatch = errors.New("not every password in Vault is the live one")

func run(ctx context.Context) (err error) {
	keep := flag.Bool("keep", false, "leave everything running at the end, until interrupted")
	pictures := flag.String("pictures", "", "leave pictures of the console in a folder")
	flag.Parse()
	dir, err := os.MkdirTemp("", "keyturn-demo-")
	if err != nil {
		return err
	}
	fmt.Println("demo: logs and configuration are in", dir)
	s, err := raise(ctx, dir, fleet())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.strike()) }()

	if err := s.examine(ctx); err != nil {
		return err
	}
	consumers := startConsumers(ctx, s)
	disturbed := make(chan error, 1)
	go func() { disturbed <- s.disturb(ctx) }()
	if err := s.watch(ctx); err != nil {
		return err
	}
	if err := <-disturbed; err != nil {
		return err
	}
	if err := s.leak(ctx); err != nil {
		return err
	}
	if *pictures != "" {
		if err := s.picture(ctx, *pictures); err != nil {
			return err
		}
	}
	for _, c := range consumers {
		c.stop()
	}
	results, err := s.check(ctx)
	if err != nil {
		return err
	}
	good, err := s.report(ctx, results, consumers)
	if err != nil {
		return err
	}
	if *keep {
		if err := s.startFleet(ctx); err != nil {
			return err
		}
		s.explain()
		<-ctx.Done()
	}
	if !good {
		return errMismatch
	}
	return nil
}
