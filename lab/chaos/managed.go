package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keyturn/internal/devenv"
)

// Access keys with which accounts call their provider, and which rotate themselves. A user has two of them at most.

const (
	keyUsers = 40
	cloud    = "alibaba-ram"
	// keysEvery is how often each rotates. It has the time to be disabled and deleted in between, unless a worker dies.
	keysEvery = 20 * time.Second
)

// managed are the credentials that are keys, each its account's own; the first is also what mail is managed with.
func managed() []credential {
	var all []credential
	for n := range keyUsers {
		all = append(all, credential{Manages: true, Credential: devenv.Credential{
			ID: fmt.Sprintf("key-%02d", n), Account: fmt.Sprintf("keys-%02d", n), Provider: cloud, Target: fmt.Sprintf("bot-%02d", n),
			Path: fmt.Sprintf("keys/%02d", n), Overlaps: true,
		}})
	}
	return all
}

// found gives each user the key that stands from the start, and puts it where keyturn reads and rotates it.
func (s *stage) found(ctx context.Context) error {
	for n, c := range s.managed {
		id, secret := fmt.Sprintf("LTAI5tChaos%09d", n), fmt.Sprintf("secret-of-the-first-%02d", n)
		target := c.Target + "/" + id
		err := s.Box.Ask(ctx, http.MethodPost, "/targets", map[string]any{"provider": cloud, "targets": []map[string]string{{"target": target}}}, nil)
		if err == nil {
			err = s.Box.Ask(ctx, http.MethodPost, "/password", map[string]string{"provider": cloud, "target": target, "password": secret}, nil)
		}
		if err == nil {
			err = s.Vault.Ask(ctx, http.MethodPost, "secret/data/"+c.Path, map[string]any{"data": map[string]string{"username": id, "password": secret}}, nil)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
	}
	return nil
}

// judgeKeys counts what became of the management keys: each is one that its provider takes, and no user has another that no
// journal knows; no call was refused because of one, and no breaker opened.
func (s *stage) judgeKeys(ctx context.Context, t *tally, live map[string]devenv.TargetState, r *result) error {
	known := map[string]bool{}
	for _, c := range s.managed {
		now, err := s.Vault.Current(ctx, c.Path, 0)
		if err != nil {
			return err
		}
		rec := t.watcher.record(c)
		if state, ok := live[c.Target+"/"+now.Username]; !ok || state.Live != now.Password {
			r.lost++
			fmt.Printf("chaos: %s: the management key in Vault is none that its provider has (the journal is %s %s)\n", c.ID, rec.State, rec.Why)
		}
		if rec.State == "quarantined" {
			r.unexplained++
			fmt.Printf("chaos: %s: quarantined: %s\n", c.ID, rec.Why)
		}
		known[c.Target+"/"+now.Username] = true
		for _, w := range rec.Identities.Retire {
			known[c.Target+"/"+w.ID] = true
		}
	}
	for target := range live {
		if strings.HasPrefix(target, "bot-") && !known[target] {
			r.strayKeys++
			fmt.Printf("chaos: %s: no journal knows this management key\n", target)
		}
	}
	stats, err := s.Box.Stats(ctx)
	if err != nil {
		return err
	}
	r.keyRotations, r.keyRefusals = t.watcher.keyRotations(), stats[cloud].KeyRefusals+stats["alibaba-directmail"].KeyRefusals
	r.keyBreakers, err = s.brokenKeys()
	return err
}

// brokenKeys is how often the breaker of an account opened whose key rotates itself.
func (s *stage) brokenKeys() (n int, err error) {
	logs, err := filepath.Glob(filepath.Join(s.Dir, "*.log"))
	if err != nil {
		return 0, err
	}
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "the account's breaker changed") && strings.Contains(line, `"account":"keys-`) && strings.Contains(line, `"open":true`) {
				n++
			}
		}
	}
	return n, nil
}
