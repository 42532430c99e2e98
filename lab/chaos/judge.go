package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"keyturn/internal/devenv"
)

// judge compares what is live at the providers with what stands in Vault, credential by credential, and prints the
// result; anything that may not be is an error.
func (s *stage) judge(ctx context.Context, t *tally) error {
	live, err := s.Box.State(ctx)
	if err != nil {
		return err
	}
	r := result{
		asked: t.asked, kills: t.count(killWorker, killCaller, killScheduler),
		redisRestarts: t.count(restartRedis), flushes: t.count(flushRedis), vaultOutages: t.count(sealVault, killVault),
		pauses: t.count(pauseWorker, pauseCaller, lateWrite), lateWrites: t.count(lateWrite),
		redisRefusals: t.count(fillRedis, demoteRedis), lags: t.count(lagVault), stale: s.front.standby.Counts().Stale,
	}
	for _, c := range s.fleet {
		if err := s.judgeOne(ctx, t, c, live[c.Provider], &r); err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
	}
	if err := s.judgeIdentities(ctx, t, live, &r); err != nil {
		return err
	}
	if err := s.judgeKeys(ctx, t, live[cloud], &r); err != nil {
		return err
	}
	for strategy, n := range t.consumers.logins {
		fmt.Printf("chaos: consumers of strategy %s logged in %d times and were refused %d times\n", strategy, n, t.consumers.refused[strategy])
	}
	r.refusedPair, r.refusedOverlap = t.consumers.refused["pair"], t.consumers.refused["overlap"]
	for _, c := range s.barred {
		if err := s.judgeBarred(ctx, c, &r); err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
	}
	if err := s.judgeTold(ctx, t.watcher, &r); err != nil {
		return err
	}
	amplified, err := t.watcher.amplifier.amplification(s.fleet)
	r.amplification = amplified
	r.restless = t.restless
	t.watcher.sum(&r)
	fmt.Printf("chaos: %d late writes; what made up for them: %v\n", r.lateWrites, t.watcher.cures())
	fmt.Printf("chaos: recovery of %d journals that a killed worker held open: p50=%v p99=%v max=%v\n",
		r.recovered, r.recovery50, r.recovery99, r.recoveryLatest)
	fmt.Println(&r)
	return errors.Join(r.check(), err)
}

// judgeBarred sees to it that nothing became of a credential whose account no provider lets in.
func (s *stage) judgeBarred(ctx context.Context, c credential, r *result) error {
	now, err := s.Vault.Current(ctx, c.Path, 0)
	if err == nil && now.Password != "" {
		r.unexplained++
		fmt.Printf("chaos: %s: rotated, though its account's key is refused\n", c.ID)
	}
	return err
}

func (s *stage) judgeOne(ctx context.Context, t *tally, c credential, state map[string]devenv.TargetState, r *result) error {
	now, err := s.Vault.Current(ctx, c.Path, 0)
	if err != nil {
		return err
	}
	live := state[c.at(now)].Live
	rec, err := s.Vault.Journal(ctx, c.ID, 0)
	if err != nil {
		return err
	}
	if c.Mute && now.Password == "" {
		r.unexplained++
		fmt.Printf("chaos: %s: never rotated: its mail server, which never answers, stops it\n", c.ID)
	}
	complain := func(what string) {
		fmt.Printf("chaos: %s: %s (current is version %d, the journal is %s at version %d, rotation %s, %s)\n",
			c.ID, what, now.Version, rec.State, rec.Version, rec.RotationID, rec.Why)
	}
	if now.Password != live {
		held, err := s.held(ctx, c, live)
		if err != nil {
			return err
		}
		switch {
		case held:
		case unseen(c, rec) && t.explains(c, rec):
			complain("its provider made a password whose answer was lost, and then made no other")
		default:
			r.lost++
			complain("lost: nothing in Vault holds the live password")
		}
	}
	if rec.State == "quarantined" {
		r.quarantined++
		if !t.explains(c, rec) {
			r.unexplained++
			complain("quarantined without an injected cause")
		} else {
			complain("quarantined, as was to be expected")
		}
		return nil
	}
	if now.Password != live {
		r.mismatched++
		complain("mismatched: what consumers read is not live")
		return nil
	}
	if err := s.Box.LogIn(ctx, c.Provider, now.Username, now.Password); err != nil {
		r.mismatched++
		complain("mismatched: " + err.Error())
	}
	if rec.State != "closed" {
		r.unexplained++
		complain("a rotation is still open")
	}
	return nil
}

// judgeIdentities counts the identities that no journal has a place for, and those that were retired.
func (s *stage) judgeIdentities(ctx context.Context, t *tally, state map[string]map[string]devenv.TargetState, r *result) error {
	known := map[string]bool{}
	for _, c := range s.fleet {
		rec, err := s.Vault.Journal(ctx, c.ID, 0)
		if err != nil {
			return err
		}
		for _, target := range c.targets(rec.Identities.Used) {
			known[identity(c.Provider, target)] = true
		}
		for _, w := range rec.Identities.Retire {
			known[identity(c.Provider, c.Target+"/"+w.ID)] = true
		}
		for _, made := range rec.Candidates {
			known[identity(c.Provider, c.Target+"/"+made.ID)] = true
		}
	}
	stands := map[string]bool{}
	for _, code := range minters {
		for target := range state[code] {
			name := identity(code, target)
			if stands[name] = true; !known[name] && t.watcher.identities[name] {
				r.strayIdentities++
				fmt.Printf("chaos: %s: no journal knows this identity\n", name)
			}
		}
	}
	for name := range t.watcher.identities {
		if !stands[name] {
			r.retired++
		}
	}
	return nil
}

// unseen tells whether a provider that makes the passwords itself made one that it never showed, as far as the journal of
// a quarantined rotation tells: the call was noted, and nothing came back. Another call would have made up for it.
func unseen(c credential, rec devenv.Journal) bool {
	return !slices.Contains(setters, c.Provider) && rec.State == "quarantined" &&
		slices.ContainsFunc(rec.Candidates, func(made devenv.Candidate) bool { return made.State == "intent" && made.Value == "" })
}

// kept is how many versions Vault keeps of a secret.
const kept = 10

// held tells whether any version that Vault keeps of current or of the journal holds a password.
func (s *stage) held(ctx context.Context, c credential, password string) (bool, error) {
	if password == "" {
		return true, nil // none was ever set
	}
	now, err := s.Vault.Current(ctx, c.Path, 0)
	if err != nil {
		return false, err
	}
	for version := now.Version; version > max(0, now.Version-kept); version-- {
		if e, err := s.Vault.Current(ctx, c.Path, version); err != nil || e.Password == password {
			return err == nil, err
		}
	}
	rec, err := s.Vault.Journal(ctx, c.ID, 0)
	if err != nil {
		return false, err
	}
	for version := rec.Version; version > max(0, rec.Version-kept); version-- {
		older, err := s.Vault.Journal(ctx, c.ID, version)
		if err != nil {
			return false, err
		}
		for _, candidate := range older.Candidates {
			if candidate.Value == password {
				return true, nil
			}
		}
	}
	return false, nil
}
