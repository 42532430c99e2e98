package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// entry is what a consumer reads.
type entry struct {
	Username string
	Password string
	Version  int
	Verified string
}

// current reads a secret from Vault over plain HTTP, as any program could.
func (s *stage) current(ctx context.Context, path string) (entry, error) {
	var answer struct {
		Data struct {
			Data     map[string]any
			Metadata struct{ Version int }
		}
	}
	err := getJSON(ctx, s.vault.Addr+"/v1/secret/data/"+path, s.vault.Token, &answer)
	text := func(name string) string { v, _ := answer.Data.Data[name].(string); return v }
	return entry{
		Username: text("username"), Password: text("password"), Version: answer.Data.Metadata.Version, Verified: text("keyturn_verified"),
	}, err
}

// watch shows the progress until every credential has had its rotations and what was disturbed is whole again.
func (s *stage) watch(ctx context.Context) error {
	bar := progressbar.NewOptions(rounds*len(s.fleet), progressbar.OptionSetDescription("demo: rotating"),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))))
	last := 0
	err := until(ctx, limit, func() (bool, error) {
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
		return done == rounds*len(s.fleet), nil
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
			if e, err := s.current(ctx, c.Path); err == nil {
				all[i] = e.Version
			}
		})
	}
	group.Wait()
	return all
}
