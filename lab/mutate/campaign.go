package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// campaign tries patches.
type campaign struct {
	root    string // of the repository
	patches []patch
	workers int
	limit   time.Duration // of the tests of one patch
	out     io.Writer

	programs programs

	mu        sync.Mutex
	tried     int
	killed    int
	unnoticed []patch
	survived  []patch
	unusable  []error
}

// run tries every patch. The error names those that no test noticed and those that say nothing.
func (c *campaign) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "keyturn-mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	trees := make(chan tree, c.workers)
	for range c.workers {
		path, err := os.MkdirTemp(dir, "tree-")
		if err != nil {
			return err
		}
		if err := plant(ctx, c.root, tree(path)); err != nil {
			return err
		}
		trees <- tree(path)
	}
	for rest := c.patches; len(rest) > 0; rest = c.takeUnnoticed() {
		if err := c.rehearse(ctx, trees, rest); err != nil {
			return err
		}
		if err := c.each(ctx, len(rest), trees, func(ctx context.Context, t tree, i int) error {
			return c.try(ctx, t, rest[i])
		}); err != nil {
			return err
		}
	}
	return c.report()
}

// takeUnnoticed returns the patches that the test which noticed them the last time does no more: the others are to be asked.
func (c *campaign) takeUnnoticed() []patch {
	rest := c.unnoticed
	c.unnoticed = nil
	for i := range rest {
		rest[i].noticed = ""
	}
	return rest
}

// rehearse runs the tests as they are: a test that fails without a patch notices none. One that fails once is told of, because it
// costs a patch its proof.
func (c *campaign) rehearse(ctx context.Context, trees chan tree, patches []patch) error {
	tests := together(patches)
	return c.each(ctx, len(tests), trees, func(ctx context.Context, t tree, i int) error {
		began := time.Now()
		asked, err := c.programs.of(ctx, t, strings.Fields(tests[i])[0])
		if err != nil {
			return fmt.Errorf("without any patch: go test %s: %w", tests[i], err)
		}
		failed, err := asked.test(ctx, t, "", tests[i], c.limit)
		if failed != "" {
			c.say("without a patch %s fails; tried again", failed)
			failed, err = asked.test(ctx, t, "", tests[i], c.limit)
		}
		if failed != "" {
			err = fmt.Errorf("%s fails", failed)
		}
		if err != nil {
			return fmt.Errorf("without any patch: go test %s: %w", tests[i], err)
		}
		c.say("without a patch go test %s passes (%.1f s)", tests[i], time.Since(began).Seconds())
		return nil
	})
}

// each calls do for 0 to n-1, at most once at a time for each tree. The first error ends it.
func (c *campaign) each(ctx context.Context, n int, trees chan tree, do func(context.Context, tree, int) error) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(c.workers)
	for i := range n {
		all.Go(func() error {
			t := <-trees
			defer func() { trees <- t }()
			return do(ctx, t, i)
		})
	}
	return all.Wait()
}

// try breaks the tree, tests it and mends it. An error means that the tree cannot be used any more.
func (c *campaign) try(ctx context.Context, t tree, p patch) error {
	asked, err := c.programs.of(ctx, t, strings.Fields(p.tests)[0])
	if err != nil {
		return err
	}
	if err := t.apply(ctx, p.file); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.judge(p, "", fmt.Errorf("does not apply any more: break the code again by hand and replace the diff in %s by "+
			"what git diff shows (CONTRIBUTING.md): %w", p.file, err), 0)
		return nil
	}
	began := time.Now()
	failed, err := asked.test(ctx, t, p.changes, p.asks(), c.limit)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.judge(p, failed, err, time.Since(began))
	return t.apply(ctx, p.file, "--reverse")
}

func (c *campaign) judge(p patch, failed string, err error, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	verdict := "killed by " + failed
	switch {
	case err == nil && failed == "" && p.noticed != "":
		c.unnoticed = append(c.unnoticed, p)
		return
	case err != nil:
		c.unusable = append(c.unusable, fmt.Errorf("%s: %w", p.name, err))
		verdict = "UNUSABLE"
	case failed == "":
		c.survived = append(c.survived, p)
		verdict = "SURVIVED"
	default:
		c.killed++
	}
	c.tried++
	fmt.Fprintf(c.out, "%3d/%d %s: %s (%.1f s)\n", c.tried, len(c.patches), p.name, verdict, took.Seconds())
}

func (c *campaign) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format+"\n", args...)
}

// report prints what has to be done, and last the figures.
func (c *campaign) report() error {
	for _, err := range c.unusable {
		fmt.Fprintf(c.out, "unusable: %v\n", err)
	}
	for _, p := range c.survived {
		fmt.Fprintf(c.out, "survived: %s: no test holds that %s; write one for go test %s\n", p.name, p.breaks, p.tests)
	}
	fmt.Fprintf(c.out, "mutate killed=%d survived=%d\n", c.killed, len(c.survived))
	if len(c.unusable) > 0 || len(c.survived) > 0 {
		return errors.New("not every patch was noticed")
	}
	return nil
}
