package apptest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"keyturn/internal/devenv"
)

// Entry is a version of a secret as a consumer reads it.
type Entry = devenv.Entry

// Journal is a version of a credential's journal.
type Journal = devenv.Journal

// Current reads what consumers read.
func (s *Stage) Current(c Credential) Entry {
	s.tb.Helper()
	return s.CurrentAt(c.Path, 0)
}

// CurrentAt reads a version of a secret; 0 is the newest.
func (s *Stage) CurrentAt(path string, version int) Entry {
	s.tb.Helper()
	e, err := s.Vault.Current(s.tb.Context(), path, version)
	if err != nil {
		s.tb.Fatal(err)
	}
	return e
}

// Journal reads a credential's newest journal.
func (s *Stage) Journal(c Credential) Journal {
	s.tb.Helper()
	return s.JournalAt(c, 0)
}

// JournalAt reads a version of a credential's journal; 0 is the newest.
func (s *Stage) JournalAt(c Credential, version int) Journal {
	s.tb.Helper()
	j, err := s.Vault.Journal(s.tb.Context(), c.ID, version)
	if err != nil {
		s.tb.Fatal(err)
	}
	return j
}

// Settled tells whether a credential has had at least so many rotations, none is open, and its password is the live one.
func (s *Stage) Settled(c Credential, versions int) bool {
	s.tb.Helper()
	return s.Unsettled(c, versions) == nil
}

// Unsettled tells what keeps a credential from being settled.
func (s *Stage) Unsettled(c Credential, versions int) error {
	s.tb.Helper()
	e, journal := s.Current(c), s.Journal(c)
	target := c.Target
	if c.Overlaps {
		target += "/" + e.Identity
	}
	switch {
	case e.Version < versions:
		return fmt.Errorf("%s: current has version %d, want %d; its journal is %q", c.ID, e.Version, versions, journal.State)
	case journal.State != "closed":
		return fmt.Errorf("%s: its journal is %q", c.ID, journal.State)
	case e.Password != s.Box.State()[c.Provider][target].Live:
		return fmt.Errorf("%s: the password of version %d does not log in as %s", c.ID, e.Version, target)
	}
	return nil
}

// Strays are the identities of an overlap that neither programs use nor its journal is going to retire.
func (s *Stage) Strays(c Credential) []string {
	s.tb.Helper()
	identities := s.Journal(c).Identities
	known := []string{identities.Used}
	for _, waiting := range identities.Retire {
		known = append(known, waiting.ID)
	}
	var strays []string
	for target := range s.Box.State()[c.Provider] {
		if id, its := strings.CutPrefix(target, c.Target+"/"); its && !slices.Contains(known, id) {
			strays = append(strays, id)
		}
	}
	return strays
}

// WriteSecret writes fields to a path of the mount that consumers read.
func (s *Stage) WriteSecret(path string, fields map[string]string) {
	s.tb.Helper()
	if err := s.Vault.Write(s.tb.Context(), "secret/data/"+path, fields); err != nil {
		s.tb.Fatal(err)
	}
}

// Powerless returns a token of the stage's Vault that may do nothing.
func (s *Stage) Powerless() string {
	s.tb.Helper()
	var answer struct {
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	err := s.Vault.Ask(s.tb.Context(), http.MethodPost, "auth/token/create", map[string]any{"policies": []string{"default"}}, &answer)
	if err != nil {
		s.tb.Fatal(err)
	}
	return answer.Auth.Token
}

// EditJournal writes a credential's journal as a person with rights in Vault could.
func (s *Stage) EditJournal(c Credential, edit func(fields map[string]any)) {
	s.tb.Helper()
	s.edit(devenv.JournalPath(c.ID), edit)
}

// EditSecret writes what consumers read as a person with rights in Vault could.
func (s *Stage) EditSecret(c Credential, edit func(fields map[string]any)) {
	s.tb.Helper()
	s.edit("secret/data/"+c.Path, edit)
}

func (s *Stage) edit(path string, edit func(fields map[string]any)) {
	s.tb.Helper()
	fields := map[string]any{}
	if _, err := s.Vault.Read(s.tb.Context(), path, 0, &fields); err != nil {
		s.tb.Fatal(err)
	}
	edit(fields)
	if err := s.Vault.Write(s.tb.Context(), path, fields); err != nil {
		s.tb.Fatal(err)
	}
}
