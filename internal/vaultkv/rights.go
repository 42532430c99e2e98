package vaultkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// pathsPerQuestion bounds one question for capabilities.
const pathsPerQuestion = 500

// lackPause is how long a credential waits whose path may not be written: a corrected policy takes effect within it.
const lackPause = 5 * time.Minute

// LackError is a right that the token lacks. The rotation waits: nothing was written or sent, and only a person can help.
type LackError struct {
	Store string
	Path  string   // below /v1/
	Lacks []string // capabilities
}

func (e *LackError) Error() string {
	return fmt.Sprintf("vault store %q: the token lacks the capability %s on %s", e.Store, strings.Join(e.Lacks, ", "), e.Path)
}

// Unwrap makes the rotation wait.
func (e *LackError) Unwrap() error { return &rotation.WaitError{After: lackPause, Reason: e.Error()} }

// right is what a path must allow.
type right struct {
	path  string
	needs []string
}

// needs is what access needs on a secret or journal.
func (a Access) needs() []string {
	if a == ReadWrite {
		return []string{"read", "create", "update"}
	}
	return []string{"read"}
}

// checkOwnRights asks for the rights that do not depend on any credential.
func (s *store) checkOwnRights(ctx context.Context, access Access) error {
	journal, err := s.journalPath("capability-check")
	if err != nil {
		return err
	}
	rights := []right{
		{journal, access.needs()},
		{s.freezesPath(), []string{"read"}},
		{"auth/token/lookup-self", []string{"read"}},
		{"auth/token/renew-self", []string{"update"}},
	}
	if access == ReadOnly {
		rights = append(rights, right{s.config.JournalMount + "/metadata/", []string{"list"}})
	}
	return s.checkRights(ctx, rights)
}

// CheckPlaces asks whether the token may do with what stands at places what access needs.
func (v *Vault) CheckPlaces(ctx context.Context, access Access, places ...rotation.Place) error {
	var problems []error
	rights := make(map[string][]right)
	for _, place := range places {
		_, path, err := v.place(place)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		rights[place.Store] = append(rights[place.Store], right{path, access.needs()})
	}
	for _, err := range v.each(func(s *store) error { return s.checkRights(ctx, rights[s.name]) }) {
		problems = append(problems, err)
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}

func (s *store) checkRights(ctx context.Context, rights []right) error {
	var problems []error
	for some := range slices.Chunk(rights, pathsPerQuestion) {
		has, err := s.capabilities(ctx, some)
		if err != nil {
			return err
		}
		for _, r := range some {
			if err := s.lack(r, has); err != nil {
				problems = append(problems, err)
			}
		}
	}
	return errors.Join(problems...)
}

// lack returns a *LackError where not all that r needs is there.
func (s *store) lack(r right, has map[string][]string) error {
	lacks := slices.DeleteFunc(slices.Clone(r.needs), func(need string) bool {
		return slices.Contains(has[r.path], need) || slices.Contains(has[r.path], "root")
	})
	if len(lacks) == 0 {
		return nil
	}
	return &LackError{Store: s.name, Path: r.path, Lacks: lacks}
}

// capabilities asks what the token may do, by path.
func (s *store) capabilities(ctx context.Context, rights []right) (map[string][]string, error) {
	paths := make([]string, len(rights))
	for i, r := range rights {
		paths[i] = r.path
	}
	const path = "sys/capabilities-self"
	has := make(map[string][]string)
	err := s.do(ctx, opRead, path, func(ctx context.Context) error {
		answer, err := s.client.Logical().WriteWithContext(ctx, path, map[string]any{"paths": paths})
		if err != nil || answer == nil {
			return err
		}
		for path, list := range answer.Data {
			names, _ := list.([]any)
			for _, name := range names {
				if text, ok := name.(string); ok {
					has[path] = append(has[path], text)
				}
			}
		}
		return nil
	})
	if errors.Is(err, ErrForbidden) {
		return nil, &LackError{Store: s.name, Path: path, Lacks: []string{"update"}}
	}
	return has, err
}
