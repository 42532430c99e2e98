package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"
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

func startConsumer(ctx context.Context, s *stage, cred credential) *consumer {
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

func (c *consumer) consume(ctx context.Context, s *stage, cred credential) error {
	m, err := newMailer(s.Sandbox.SMTP[cred.Provider], filepath.Join(s.dir, "ca.pem"))
	if err != nil {
		return err
	}
	// Before its first rotation the credential has no password.
	var current entry
	if err := until(ctx, time.Minute, func() (bool, error) {
		current, err = s.current(ctx, cred.Path)
		return err == nil, nil
	}); err != nil {
		return err
	}
	for since := (time.Time{}); ctx.Err() == nil; pause(ctx, 10*time.Millisecond) {
		err := m.login(ctx, current.Username, current.Password)
		switch {
		case err == nil:
			c.logins++
			if !since.IsZero() {
				c.longest = max(c.longest, time.Since(since))
				since = time.Time{}
			}
		case errors.Is(err, errRefused):
			c.refused++
			if since.IsZero() {
				since = time.Now()
			}
			current, err = s.current(ctx, cred.Path)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, errRefused) {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
