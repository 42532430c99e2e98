package vaultkv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"keyturn/internal/rotation"
)

// Access is what a process does with a store.
type Access int

// The kinds of access; deploy/vault has a policy for each.
const (
	// ReadOnly looks at passwords' ages and lists the journals: the scheduler.
	ReadOnly Access = iota + 1
	// ReadWrite rotates: the worker.
	ReadWrite
)

// minVersions is how many versions of a journal Vault has to keep: the older ones are the last place to find a password
// that a provider took and that is stored nowhere else.
const minVersions = 10

// Check asks every store whether access will work, and names every obstacle: Vault unreachable or sealed, the login
// refused, a mount that is missing or not KV v2, too few versions of a journal kept, a right that the token lacks. It
// checks the rights on what consumers read at the given places.
func (v *Vault) Check(ctx context.Context, access Access, places ...rotation.Place) error {
	var problems []error
	unusable := v.Unusable(ctx, access)
	for _, name := range slices.Sorted(maps.Keys(unusable)) {
		problems = append(problems, unusable[name])
	}
	places = slices.DeleteFunc(slices.Clone(places), func(place rotation.Place) bool {
		var failed *Error
		return errors.As(unusable[place.Store], &failed) // it would only be repeated
	})
	return errors.Join(append(problems, v.CheckPlaces(ctx, access, places...))...)
}

// Unusable returns the obstacles that concern whole stores, by name: all that Check finds except the rights on what
// consumers read.
func (v *Vault) Unusable(ctx context.Context, access Access) map[string]error {
	return v.each(func(s *store) error { return s.check(ctx, access) })
}

// UnusableStore is Unusable for one store.
func (v *Vault) UnusableStore(ctx context.Context, name string, access Access) error {
	s, err := v.store(name)
	if err != nil {
		return err
	}
	return s.check(ctx, access)
}

// each asks all stores at once and returns the errors by name.
func (v *Vault) each(ask func(*store) error) map[string]error {
	var mu sync.Mutex
	var all sync.WaitGroup
	problems := make(map[string]error)
	for name, s := range v.all() {
		all.Go(func() {
			if err := ask(s); err != nil {
				mu.Lock()
				defer mu.Unlock()
				problems[name] = err
			}
		})
	}
	all.Wait()
	return problems
}

func (s *store) check(ctx context.Context, access Access) error {
	if _, err := s.session.ensure(ctx, 0); err != nil {
		return err // everything else would only repeat it
	}
	known, err := s.knowsToken(ctx)
	if err != nil {
		return err // as above: Vault is away, or sealed
	}
	if !known {
		return s.problem("the token is refused: it is mistyped, expired or revoked, or its policy allows nothing here")
	}
	return errors.Join(
		s.route.wire.fault(),
		s.checkNodes(ctx),
		s.checkConsumers(ctx),
		s.checkMount(ctx, s.config.JournalMount),
		s.checkVersions(ctx),
		s.checkOwnRights(ctx, access),
	)
}

// knowsToken tells a token that Vault does not know from one that lacks a right: older servers say "permission denied"
// to both.
func (s *store) knowsToken(ctx context.Context) (bool, error) {
	const path = "auth/token/lookup-self"
	err := s.do(ctx, opRead, path, func(ctx context.Context) error {
		_, err := s.client.Auth().Token().LookupSelfWithContext(ctx)
		return err
	})
	if !errors.Is(err, ErrForbidden) {
		return err == nil, err
	}
	for _, mount := range []string{s.config.Mount, s.config.JournalMount} {
		if _, err := s.get(ctx, opRead, "sys/internal/ui/mounts/"+mount, nil, nil); !errors.Is(err, ErrForbidden) {
			return true, nil
		}
	}
	return false, nil
}

// problem is a finding in words of our own.
func (s *store) problem(format string, args ...any) error {
	return fmt.Errorf("vault store %q: "+format, append([]any{s.name}, args...)...)
}

// checkMount asks what `vault kv` asks before each command: any token with a right in the mount gets an answer.
func (s *store) checkMount(ctx context.Context, mount string) error {
	var found struct {
		Type    string `json:"type"`
		Path    string `json:"path"`
		Options struct {
			Version string `json:"version"`
		} `json:"options"`
	}
	err := s.patiently(ctx, func() error {
		_, err := s.get(ctx, opRead, "sys/internal/ui/mounts/"+mount, nil, &found)
		return err
	})
	path := strings.TrimSuffix(found.Path, "/")
	switch {
	case errors.Is(err, ErrForbidden):
		return s.problem("mount %q: it does not exist, or the token has no right in it", mount)
	case err != nil:
		return err
	case path != mount:
		return s.problem("mount %q: the mount is %q; the rest belongs in the credential's path", mount, path)
	case found.Type != "kv" && found.Type != "generic":
		return s.problem("mount %q is a %s engine: want kv, version 2", mount, found.Type)
	case found.Options.Version != "2":
		return s.problem("mount %q is KV version 1, which has neither check-and-set nor versions: "+
			"upgrade it with `vault kv enable-versioning %s`, or name a KV version 2 mount", mount, mount)
	}
	return nil
}

// patiently asks again, because a standby may deny a token only because it has not learned of it yet. For other paths
// Vault's wording shows that, and do knows it; here Vault says the same as for a mount that does not exist.
func (s *store) patiently(ctx context.Context, ask func() error) error {
	for try := 0; ; try++ {
		err := ask()
		_, age := s.session.newest()
		if !errors.Is(err, ErrForbidden) || !s.session.hasAnother() || age >= settling || !sleep(ctx, pause(try)) {
			return err
		}
	}
}

// mountConfig is what a KV engine does with versions.
type mountConfig struct {
	MaxVersions        int    `json:"max_versions"` // 0 means Vault's default, which is 10
	DeleteVersionAfter string `json:"delete_version_after"`
}

func (c mountConfig) deletes() bool {
	return c.DeleteVersionAfter != "" && c.DeleteVersionAfter != "0s"
}

func (s *store) checkVersions(ctx context.Context) error {
	var found mountConfig
	mount := s.config.JournalMount
	_, err := s.get(ctx, opRead, mount+"/config", nil, &found)
	switch {
	case errors.Is(err, ErrForbidden):
		return s.problem("the token lacks the capability read on %s/config", mount)
	case err != nil:
		return err
	case found.MaxVersions != 0 && found.MaxVersions < minVersions:
		return s.problem("mount %q keeps %d versions of a journal, and at least %d are needed: `vault write %s/config max_versions=%d`",
			mount, found.MaxVersions, minVersions, mount, minVersions)
	case found.deletes():
		return s.problem("mount %q deletes journals after %s: `vault write %s/config delete_version_after=0s`",
			mount, found.DeleteVersionAfter, mount)
	}
	return nil
}

// checkConsumers also asks whether the mount keeps what consumers read. A policy written before this check existed does
// not allow the question, which is no error.
func (s *store) checkConsumers(ctx context.Context) error {
	mount := s.config.Mount
	if err := s.checkMount(ctx, mount); err != nil {
		return err
	}
	var found mountConfig
	_, err := s.get(ctx, opRead, mount+"/config", nil, &found)
	switch {
	case errors.Is(err, ErrForbidden):
		return nil
	case err != nil:
		return err
	case found.deletes():
		return s.problem("mount %q deletes what consumers read %s after it was written: `vault write %s/config delete_version_after=0s`",
			mount, found.DeleteVersionAfter, mount)
	}
	return nil
}
