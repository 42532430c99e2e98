package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
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
		{"provider": "kirimemail", "kind": "rate_limit", "retry_after": "1s"},
		{"provider": "kirimemail", "kind": "lose_reply"},
		{"provider": "kirimemail", "kind": "not_synced", "delay": "1s"},
	}
	if err := postJSON(ctx, s.Sandbox.Admin+"/faults", faults); err != nil {
		return err
	}
	victim := s.fleet[1]
	err := until(ctx, limit, func() (bool, error) {
		e, err := s.current(ctx, victim.Path)
		return err == nil && e.Version > 0, nil
	})
	if err != nil {
		return err
	}
	if err := s.killInCall(ctx, victim); err != nil {
		return fmt.Errorf("kill a worker in the middle of a call: %w", err)
	}
	_, err = s.rotatectl(ctx, "rotate", victim.ID, "--wait", "--timeout", "1m")
	return err
}

// killInCall lets a provider take a new password and holds its reply back, finds the worker that waits for it in the
// journal, and kills it: nobody but the journal holds the live password then.
func (s *stage) killInCall(ctx context.Context, c credential) error {
	hold := map[string]any{"provider": c.Provider, "target": c.Target, "kind": "hold"}
	if err := postJSON(ctx, s.Sandbox.Admin+"/faults", hold); err != nil {
		return err
	}
	var held struct {
		Holds []struct{ Target string }
	}
	err := until(ctx, 30*time.Second, func() (bool, error) {
		err := getJSON(ctx, s.Sandbox.Admin+"/holds", "", &held)
		return len(held.Holds) > 0, err
	})
	if err != nil {
		return err
	}
	record, err := s.journal(ctx, c.ID, 0)
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

// rotatectl runs a command as an operator does, and returns what it printed.
func (s *stage) rotatectl(ctx context.Context, args ...string) (string, error) {
	//nolint:gosec // the demo's own program and configuration
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, "bin", "rotatectl"), append([]string{"--config", s.config()}, args...)...)
	cmd.Env = append(devenv.Environ(), keys...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("rotatectl %s: %w: %s", args[0], err, out)
	}
	return string(out), nil
}

// record is what the demo reads of a journal.
type record struct {
	State   string `json:"state"`
	Attempt int    `json:"attempt"`
	Owner   string `json:"owner"`
}

// journal reads a version of a credential's journal; 0 is the newest.
func (s *stage) journal(ctx context.Context, id string, version int) (record, error) {
	sum := sha256.Sum256([]byte(id))
	url := fmt.Sprintf("%s/v1/keyturn-journal/data/%s/%s?version=%d", s.vault.Addr, hex.EncodeToString(sum[:2])[:3], id, version)
	var answer struct {
		Data struct{ Data record }
	}
	err := getJSON(ctx, url, s.vault.Token, &answer)
	return answer.Data.Data, err
}

// until asks f again and again until it says yes.
func until(ctx context.Context, limit time.Duration, f func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		done, err := f()
		if done && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
