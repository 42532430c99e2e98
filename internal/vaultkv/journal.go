package vaultkv

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"

	"keyturn/internal/rotation"
)

// Load implements rotation.Journals. A journal whose newest version was deleted by hand is returned as a closed one at
// that version, so that the next save has the right check-and-set.
func (v *Vault) Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error) {
	s, err := v.store(cred.Place.Store)
	if err != nil {
		return rotation.Record{}, err
	}
	return s.journal(ctx, cred.ID, 0)
}

// Save implements rotation.Journals. An opening write for a credential whose password could not be written afterwards is
// a *LackError, before anything is sent.
func (v *Vault) Save(ctx context.Context, cred *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	s, err := v.store(cred.Place.Store)
	if err != nil {
		return 0, err
	}
	path, err := s.journalPath(cred.ID)
	if err != nil {
		return 0, err
	}
	data, err := newJournal(&rec)
	if err != nil {
		return 0, err
	}
	if opens(&rec) {
		if err := v.mayOpen(ctx, cred, &rec); err != nil {
			return 0, err
		}
	}
	return s.put(ctx, path, data, cas)
}

// Versions returns every version of a journal that Vault still holds, newest first. It leaves deleted versions out. A
// version that cannot be read does not hide the others: the error names it, and the rest is returned.
func (v *Vault) Versions(ctx context.Context, cred *rotation.Credential) ([]rotation.Record, error) {
	s, err := v.store(cred.Place.Store)
	if err != nil {
		return nil, err
	}
	var records []rotation.Record
	var unreadable []error
	for number, more := 0, true; more; {
		rec, err := s.journal(ctx, cred.ID, number)
		switch {
		case errors.Is(err, errUnreadable), errors.Is(err, rotation.ErrNewerSchema):
			unreadable = append(unreadable, err)
		case err != nil:
			return records, err
		case rec.Schema != 0:
			records = append(records, rec)
		}
		// Version 0 means that this one was pruned, and so is everything older.
		number, more = rec.Version-1, rec.Version > 1
	}
	return records, errors.Join(unreadable...)
}

func (s *store) journalPath(id string) (string, error) {
	key, err := journalKey(id)
	if err != nil {
		return "", err
	}
	return s.config.JournalMount + "/data/" + key, nil
}

// journal reads one version of a journal, 0 being the newest. Version is 0 in the answer if there is none, and Schema
// is 0 if it was deleted.
func (s *store) journal(ctx context.Context, id string, number int) (rotation.Record, error) {
	path, err := s.journalPath(id)
	if err != nil {
		return rotation.Record{}, err
	}
	found, err := s.version(ctx, path, number)
	if err != nil || found.gone() {
		return rotation.Record{Version: found.Metadata.Version}, err
	}
	rec, err := decodeJournal(found.Data)
	rec.Version = found.Metadata.Version
	return rec, explain(s.name, opRead, path, err)
}

// version reads one version of a secret, 0 being the newest. Its Version is 0 if there is none.
func (s *store) version(ctx context.Context, path string, number int) (kept, error) {
	var query url.Values
	if number > 0 {
		query = url.Values{"version": {strconv.Itoa(number)}}
	}
	var k kept
	found, err := s.get(ctx, opRead, path, query, &k)
	if err != nil || !found {
		return kept{}, err
	}
	if k.Metadata.Version < 1 {
		return kept{}, explain(s.name, opRead, path, errAnswer)
	}
	return k, nil
}

var errUnreadable = errors.New("the journal's record cannot be read: it was not written by keyturn")

// decodeJournal reads a record. Of a record with a newer schema it returns only the schema, with rotation.ErrNewerSchema,
// because the rest of its form is unknown. It leaves causes out, because they may quote a value.
func decodeJournal(data json.RawMessage) (rotation.Record, error) {
	var form struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &form); err != nil || form.Schema < 1 {
		return rotation.Record{}, errUnreadable
	}
	if form.Schema > rotation.Schema {
		return rotation.Record{Schema: form.Schema}, rotation.ErrNewerSchema
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil {
		return rotation.Record{}, errUnreadable
	}
	return j.record()
}
