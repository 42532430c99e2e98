package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/internal/devenv"
)

// disturb makes things go wrong while the fleet rotates: lost replies, 429s and a repeat-password answer, and a worker
// that dies in the middle of a call. A person then asks for another rotation of what it was working on.
func (s *stage) disturb(ctx context.Context) error {
	faults := []map[string]any{
		{"provider": "tencent-ses", "target": s.fleet[3].Target, "kind": "lose_reply"},
		{"provider": "tencent-ses", "target": s.fleet[4].Target, "kind": "repeat"},
		{"provider": "tencent-ses", "target": s.fleet[5].Target, "kind": "propagation", "delay": "1s"},
		{"provider": "tencent-ses", "target": s.fleet[6].Target, "kind": "rate_limit"},
		{"provider": "tencent-ses", "target": s.pair().Target, "kind": "lose_reply"},
		{"provider": "tencent-ses", "target": s.pair().Second, "kind": "lose_reply"},
		{"provider": "kirimemail", "kind": "rate_limit", "retry_after": "1s"},
		{"provider": "kirimemail", "kind": "lose_reply"},
		{"provider": "kirimemail", "kind": "not_synced", "delay": "1s"},
	}
	if err := s.Box.Inject(ctx, faults); err != nil {
		return err
	}
	victim := s.fleet[1]
	if err := s.rotated(ctx, victim, limit); err != nil {
		return err
	}
	if err := s.killInCall(ctx, victim); err != nil {
		return fmt.Errorf("kill a worker in the middle of a call: %w", err)
	}
	_, err := s.rotatectl(ctx, "rotate", victim.ID, "--wait", "--timeout", "1m")
	return err
}

// rotated waits until a credential has had its first rotation.
func (s *stage) rotated(ctx context.Context, c devenv.Credential, limit time.Duration) error {
	return devenv.Until(ctx, limit, func() error {
		e, err := s.Vault.Current(ctx, c.Path, 0)
		if err == nil && e.Version == 0 {
			err = fmt.Errorf("%s has not been rotated", c.ID)
		}
		return err
	})
}

// killInCall lets a provider take a new password and holds its reply back, finds the worker that waits for it in the
// journal, and kills it: only the journal holds the live password then.
func (s *stage) killInCall(ctx context.Context, c devenv.Credential) error {
	hold := map[string]any{"provider": c.Provider, "target": c.Target, "kind": "hold"}
	if err := s.Box.Inject(ctx, hold); err != nil {
		return err
	}
	err := devenv.Until(ctx, 30*time.Second, func() error {
		held, err := s.Box.Holds(ctx)
		if err == nil && len(held) == 0 {
			err = errors.New("no call is held")
		}
		return err
	})
	if err != nil {
		return err
	}
	record, err := s.Vault.Journal(ctx, c.ID, 0)
	if err != nil {
		return err
	}
	for i, w := range s.workers {
		if !strings.HasSuffix(record.Owner, fmt.Sprintf("/%d", w.PID())) {
			continue
		}
		fmt.Printf("demo: killing worker %d, which waits for the answer to a new password of %s\n", w.PID(), c.ID)
		if err := w.Kill(); err != nil {
			return err
		}
		s.killed++
		s.workers = append(s.workers[:i], s.workers[i+1:]...)
		return s.startWorker(ctx)
	}
	return errors.New("no worker of ours is the owner of the journal")
}

// rotatectl runs a command as an operator does, and returns what it printed. An exit status other than 0 is an error.
func (s *stage) rotatectl(ctx context.Context, args ...string) (string, error) {
	out, status, err := s.Rotatectl(ctx, "", args...)
	if err == nil && status != 0 {
		err = fmt.Errorf("rotatectl %s: exit status %d: %s", args[0], status, out)
	}
	return out, err
}
