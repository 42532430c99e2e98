package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"keyturn/internal/devenv"
)

// consumer is a program that uses one credential all the time: it reads the password from Vault once, logs in with it,
// and reads again when it is refused. That is all a program has to do to live through rotations.
type consumer struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	logins, refused int
	longest         time.Duration // from the first refusal to the next login that worked
	err             error
}

func startConsumer(ctx context.Context, s *stage, cred devenv.Credential) *consumer {
	ctx, cancel := context.WithCancel(ctx)
	c := &consumer{cancel: cancel}
	c.done.Go(func() { c.err = c.consume(ctx, s, cred) })
	return c
}

// stop ends the consumer; its figures may be read then.
func (c *consumer) stop() {
	c.cancel()
	c.done.Wait()
}

func (c *consumer) consume(ctx context.Context, s *stage, cred devenv.Credential) error {
	// Before its first rotation the credential has no password.
	if err := s.rotated(ctx, cred, time.Minute); err != nil {
		return err
	}
	current, err := s.Vault.Current(ctx, cred.Path, 0)
	if err != nil {
		return err
	}
	for since := (time.Time{}); devenv.Pause(ctx, 10*time.Millisecond) == nil; {
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
