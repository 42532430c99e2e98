package apptest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
)

// Entry is a version of a secret as a consumer reads it.
type Entry struct {
	Version            int // 0: there is none
	Username, Password string
	Slot, Verified     string
}

// Journal is a version of a credential's journal.
type Journal struct {
	Version    int `json:"-"` // 0: there is none
	State      string
	Attempt    int
	Owner      string
	Why        string
	Target     string
	Candidates []struct{ Value string }
}

// Current reads what consumers read.
func (s *Stage) Current(c Credential) Entry {
	s.tb.Helper()
	return s.CurrentAt(c.Path, 0)
}

// CurrentAt reads a version of a secret; 0 is the newest.
func (s *Stage) CurrentAt(path string, version int) Entry {
	s.tb.Helper()
	var fields map[string]any
	e := Entry{Version: s.read("secret/data/"+path, version, &fields)}
	text := func(name string) string { v, _ := fields[name].(string); return v }
	e.Username, e.Password, e.Slot, e.Verified = text("username"), text("password"), text("keyturn_slot"), text("keyturn_verified")
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
	var j Journal
	j.Version = s.read(journalPath(c), version, &j)
	return j
}

// Settled tells whether a credential has had at least so many rotations, none is open, and its password is the live one.
func (s *Stage) Settled(c Credential, versions int) bool {
	s.tb.Helper()
	e := s.Current(c)
	return e.Version >= versions && s.Journal(c).State == "closed" && e.Password == s.Target(c).Live
}

// read decodes a version of a KV v2 secret into data, and returns which it is: 0 if there is none.
func (s *Stage) read(path string, version int, data any) int {
	s.tb.Helper()
	var answer struct {
		Data struct {
			Data     json.RawMessage
			Metadata struct{ Version int }
		}
	}
	if found := s.ask(http.MethodGet, fmt.Sprintf("%s?version=%d", path, version), nil, &answer); !found {
		return 0
	}
	if err := json.Unmarshal(answer.Data.Data, data); err != nil {
		s.tb.Fatal(err)
	}
	return answer.Data.Metadata.Version
}

// WriteSecret writes fields to a path of the mount that consumers read.
func (s *Stage) WriteSecret(path string, fields map[string]string) {
	s.tb.Helper()
	s.ask(http.MethodPost, "secret/data/"+path, map[string]any{"data": fields}, nil)
}

// ask sends Vault a request as root, in plain HTTP, as any program could. It returns false where there is nothing.
func (s *Stage) ask(method, path string, body, into any) (found bool) {
	s.tb.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.tb.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.tb.Context(), method, s.Vault.Addr+"/v1/"+path, bytes.NewReader(text))
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", s.Vault.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return false
	case res.StatusCode >= http.StatusBadRequest:
		s.tb.Fatalf("%s %s: HTTP %d", method, path, res.StatusCode)
	case into != nil:
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			s.tb.Fatal(err)
		}
	}
	return true
}

// Powerless returns a token of the stage's Vault that may do nothing.
func (s *Stage) Powerless() string {
	s.tb.Helper()
	var answer struct {
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	s.ask(http.MethodPost, "auth/token/create", map[string]any{"policies": []string{"default"}}, &answer)
	return answer.Auth.Token
}

// EditJournal writes a credential's journal as somebody with rights in Vault could.
func (s *Stage) EditJournal(c Credential, edit func(fields map[string]any)) {
	s.tb.Helper()
	s.edit(journalPath(c), edit)
}

// EditSecret writes what consumers read as somebody with rights in Vault could.
func (s *Stage) EditSecret(c Credential, edit func(fields map[string]any)) {
	s.tb.Helper()
	s.edit("secret/data/"+c.Path, edit)
}

func (s *Stage) edit(path string, edit func(fields map[string]any)) {
	s.tb.Helper()
	fields := map[string]any{}
	s.read(path, 0, &fields)
	edit(fields)
	s.ask(http.MethodPost, path, map[string]any{"data": fields}, nil)
}

func journalPath(c Credential) string {
	sum := sha256.Sum256([]byte(c.ID))
	return "keyturn-journal/data/" + hex.EncodeToString(sum[:2])[:3] + "/" + c.ID
}
