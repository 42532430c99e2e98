package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"keyturn/internal/devenv"
)

// watch shows the progress until every credential has had its rotations and what was disturbed is whole again.
func (s *stage) watch(ctx context.Context) error {
	bar := progressbar.NewOptions(rounds*len(s.fleet), progressbar.OptionSetDescription("demo: rotating"),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))))
	last := 0
	err := devenv.Until(ctx, limit, func() error {
		done := 0
		for _, n := range s.versions(ctx) {
			done += min(n, rounds)
		}
		if done != last && !term.IsTerminal(int(os.Stderr.Fd())) {
			if done/20 > last/20 || done == rounds*len(s.fleet) {
				fmt.Printf("demo: %d of %d rotations\n", done, rounds*len(s.fleet))
			}
		}
		last = done
		_ = bar.Set(done)
		if done < rounds*len(s.fleet) {
			return fmt.Errorf("%d of %d rotations", done, rounds*len(s.fleet))
		}
		return nil
	})
	_ = bar.Finish()
	if err != nil {
		return fmt.Errorf("the fleet did not finish its %d rotations: %w", rounds, err)
	}
	fmt.Println()
	return nil
}

// versions reads how often each credential was written; one that cannot be read counts as never.
func (s *stage) versions(ctx context.Context) []int {
	all := make([]int, len(s.fleet))
	var group sync.WaitGroup
	limit := make(chan struct{}, 8)
	for i, c := range s.fleet {
		group.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			if e, err := s.Vault.Current(ctx, c.Path, 0); err == nil {
				all[i] = e.Version
			}
		})
	}
	group.Wait()
	return all
}

// quiet is how long no journal may have changed before the fleet is at rest.
const quiet = 2 * time.Second

var errRestless = errors.New("the fleet does not come to rest")

// settle waits until no rotation is open and none has begun for a while.
func (s *stage) settle(ctx context.Context) error {
	seen, since := -1, time.Now()
	return devenv.Until(ctx, time.Minute, func() error {
		changes, open := 0, 0
		for _, c := range s.fleet {
			record, err := s.Vault.Journal(ctx, c.ID, 0)
			if err != nil {
				return err
			}
			changes += record.Version
			if record.State == "open" {
				open++
			}
		}
		if changes != seen {
			seen, since = changes, time.Now()
		}
		if open > 0 || time.Since(since) < quiet {
			return errRestless
		}
		return nil
	})
}
