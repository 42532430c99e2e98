package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"keyturn/internal/devenv"
)

// consumer is a program that uses one credential all the time: it reads the password from Vault once, logs in with it,
// and reads again when it is refused. That is all a program has to do to live through rotations. With a pair or an overlap it
// need not even do that, if it reads again as often as its grace says.
type consumer struct {
	cred     devenv.Credential
	strategy string
	every    time.Duration // reads so often; 0: only when it is refused
	cancel   context.CancelFunc
	done     sync.WaitGroup

	logins, refused int
	longest         time.Duration // from the first refusal to the next login that worked
	err             error
}

// startConsumers starts one consumer for each strategy.
func startConsumers(ctx context.Context, s *stage) (all []*consumer) {
	for _, c := range []*consumer{
		{cred: s.fleet[0], strategy: "replace"},
		{cred: s.pair(), strategy: "pair", every: readOften},
		{cred: s.overlap(), strategy: "overlap", every: readOften},
	} {
		ctx, cancel := context.WithCancel(ctx)
		c.cancel = cancel
		c.done.Go(func() { c.err = c.consume(ctx, s) })
		all = append(all, c)
	}
	return all
}

// readOften is less than the grace of the demo, 6 s.
const readOften = 5 * time.Second

// pair is the first of the pairs.
func (s *stage) pair() devenv.Credential {
	return s.fleet[slices.IndexFunc(s.fleet, func(c devenv.Credential) bool { return c.Second != "" })]
}

// overlap is the first of those whose identities follow each other.
func (s *stage) overlap() devenv.Credential {
	return s.fleet[slices.IndexFunc(s.fleet, func(c devenv.Credential) bool { return c.Overlaps })]
}

// String says how it went.
func (c *consumer) String() string {
	reads := "reads when it is refused"
	if c.every > 0 {
		reads = fmt.Sprintf("reads every %s", c.every)
	}
	return fmt.Sprintf("%-7s  the consumer of %s, which %s, logged in %d times, was refused %d times, and was without a working password for at most %s",
		c.strategy, c.cred.ID, reads, c.logins, c.refused, c.longest.Round(time.Millisecond))
}

// stop ends the consumer; its figures may be read then.
func (c *consumer) stop() {
	c.cancel()
	c.done.Wait()
}

func (c *consumer) consume(ctx context.Context, s *stage) error {
	cred := c.cred
	// Before its first rotation the credential has no password.
	if err := s.rotated(ctx, cred, time.Minute); err != nil {
		return err
	}
	current, err := s.Vault.Current(ctx, cred.Path, 0)
	if err != nil {
		return err
	}
	read := time.Now()
	for since := (time.Time{}); devenv.Pause(ctx, 10*time.Millisecond) == nil; {
		if c.every > 0 && time.Since(read) >= c.every {
			if now, err := s.Vault.Current(ctx, cred.Path, 0); err == nil { // else it goes on with what it has
				current, read = now, time.Now()
			}
		}
		err := s.Box.LogIn(ctx, cred.Provider, current.Username, current.Password)
		switch {
		case err == nil:
			c.logins++
			if !since.IsZero() {
				c.longest = max(c.longest, time.Since(since))
				since = time.Time{}
			}
		case errors.Is(err, devenv.ErrRefused):
			c.refused++
			if since.IsZero() {
				since = time.Now()
			}
			current, err = s.Vault.Current(ctx, cred.Path, 0)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, devenv.ErrRefused) {
			return err
		}
	}
	return nil
}
