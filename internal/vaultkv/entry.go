package vaultkv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// fields are a secret's fields as Vault holds them. The user's own stay in this form from a read to the write that
// keeps them, so that no number loses a digit on the way.
type fields map[string]json.RawMessage

// Read implements rotation.Secrets. Where the newest version is deleted, the entry has its number and no fields.
func (v *Vault) Read(ctx context.Context, place rotation.Place) (rotation.Entry, error) {
	return v.readVersion(ctx, place, 0)
}

// History returns every version of a secret that Vault still holds, newest first. It leaves deleted versions out. An error
// ends it: what has been read so far is returned with it.
func (v *Vault) History(ctx context.Context, place rotation.Place) (all []rotation.Entry, err error) {
	for number, more := 0, true; more; {
		e, err := v.readVersion(ctx, place, number)
		if err != nil {
			return all, err
		}
		if e.Version > 0 && !e.Deleted {
			all = append(all, e)
		}
		// Version 0 means that this one was pruned, and so is everything older.
		number, more = e.Version-1, e.Version > 1
	}
	return all, nil
}

// readVersion reads one version, 0 being the newest.
func (v *Vault) readVersion(ctx context.Context, place rotation.Place, number int) (rotation.Entry, error) {
	s, path, err := v.place(place)
	if err != nil {
		return rotation.Entry{}, err
	}
	found, err := s.version(ctx, path, number)
	if err != nil {
		return rotation.Entry{}, err
	}
	e := rotation.Entry{Version: found.Metadata.Version, CreatedAt: found.Metadata.CreatedTime}
	if found.gone() {
		e.Deleted = e.Version > 0
		return e, nil
	}
	return e, explain(s.name, opRead, path, s.config.Fields.decode(found.Data, &e))
}

// Password implements rotation.Secrets.
func (v *Vault) Password(ctx context.Context, place rotation.Place, version int) (secret.Value, error) {
	if version < 1 {
		return secret.Value{}, nil
	}
	s, path, err := v.place(place)
	if err != nil {
		return secret.Value{}, err
	}
	found, err := s.version(ctx, path, version)
	if err != nil || found.gone() {
		return secret.Value{}, err
	}
	text, err := textOf(found.Data, s.config.Fields.Password)
	return secret.New(text), explain(s.name, opRead, path, err)
}

// Write implements rotation.Secrets. An empty user name leaves the existing one; an empty password is refused, because
// consumers would read it.
func (v *Vault) Write(ctx context.Context, place rotation.Place, e rotation.Entry) error {
	s, path, err := v.place(place)
	if err != nil {
		return err
	}
	data, err := s.config.Fields.encode(&e)
	if err != nil {
		return explain(s.name, opWrite, path, err)
	}
	_, err = s.put(ctx, path, data, e.Version)
	return err
}

// Fence implements rotation.Secrets.
func (v *Vault) Fence(ctx context.Context, place rotation.Place, e rotation.Entry) error {
	s, path, err := v.place(place)
	if err != nil {
		return err
	}
	data, ours := e.Rest.(fields)
	if !ours {
		if e.Rest != nil {
			return explain(s.name, opWrite, path, fmt.Errorf("fields of type %T were not read from this store", e.Rest))
		}
		data = fields{}
	}
	_, err = s.put(ctx, path, data, e.Version)
	return err
}

// ReadField reads one field of a secret in a store's mount. It serves the configuration's {vault: path#field}.
func (v *Vault) ReadField(ctx context.Context, store, path, field string) (secret.Value, error) {
	s, path, err := v.place(rotation.Place{Store: store, Path: path})
	if err != nil {
		return secret.Value{}, err
	}
	return s.field(ctx, path, field)
}

// ReadField is that of the Vault, from the stores of the change.
func (c *Change) ReadField(ctx context.Context, store, path, field string) (secret.Value, error) {
	s, ok := c.stores[store]
	if !ok {
		return secret.Value{}, fmt.Errorf("vault store %q is not configured", store)
	}
	path, err := s.dataPath(path)
	if err != nil {
		return secret.Value{}, err
	}
	return s.field(ctx, path, field)
}

func (s *store) field(ctx context.Context, path, field string) (secret.Value, error) {
	found, err := s.once(ctx, path)
	if err != nil {
		return secret.Value{}, err
	}
	if found.gone() {
		return secret.Value{}, explain(s.name, opRead, path, errors.New("the secret does not exist"))
	}
	text, err := textOf(found.Data, field)
	if err == nil && text == "" {
		err = fmt.Errorf("field %q is missing or empty", field)
	}
	return secret.New(text), explain(s.name, opRead, path, err)
}

func (v *Vault) place(place rotation.Place) (*store, string, error) {
	s, err := v.store(place.Store)
	if err != nil {
		return nil, "", err
	}
	path, err := s.dataPath(place.Path)
	return s, path, err
}

// dataPath is where what consumers read stands.
func (s *store) dataPath(path string) (string, error) {
	if err := checkPath(path); err != nil {
		return "", fmt.Errorf("vault store %q: %w", s.name, err)
	}
	return s.config.Mount + "/data/" + path, nil
}

// decode fills e from a secret's fields.
func (f Fields) decode(data json.RawMessage, e *rotation.Entry) error {
	var rest fields
	if err := json.Unmarshal(data, &rest); err != nil {
		return errAnswer // the cause may quote a value
	}
	r := reader{fields: rest}
	e.Target = r.text(f.Target)
	e.ID = r.text(f.Identity)
	e.Username = r.text(f.Username)
	e.Password = secret.New(r.text(f.Password))
	e.RotationID = r.text(f.RotationID)
	e.Candidate = r.number(f.Candidate)
	e.Slot = r.time(f.Slot)
	e.RotatedAt = r.time(f.RotatedAt)
	e.JournalVersion = r.number(f.JournalVersion)
	e.Verified = rotation.Verified(r.text(f.Verified))
	e.Rest = rest
	return r.err
}

// encode merges e over the fields that came with it. All of keyturn's own fields are strings, as `vault kv put` makes
// them: templates and exporters expect no other kind.
func (f Fields) encode(e *rotation.Entry) (fields, error) {
	if e.Password.IsZero() {
		return nil, errors.New("an empty password is never written")
	}
	rest, ours := e.Rest.(fields)
	if !ours && e.Rest != nil {
		return nil, fmt.Errorf("fields of type %T were not read from this store", e.Rest)
	}
	data := make(fields, len(rest)+len(e.Fields)+10)
	maps.Copy(data, rest)
	for name, text := range e.Fields {
		data.set(name, text)
	}
	if e.Username != "" {
		data.set(f.Username, e.Username)
	}
	data.set(f.Target, e.Target)
	data.set(f.Identity, e.ID)
	data.set(f.Password, e.Password.Reveal())
	data.set(f.RotationID, e.RotationID)
	data.set(f.Candidate, numeral(e.Candidate))
	data.set(f.Slot, timestamp(e.Slot))
	data.set(f.RotatedAt, timestamp(e.RotatedAt))
	data.set(f.JournalVersion, numeral(e.JournalVersion))
	data.set(f.Verified, string(e.Verified))
	return data, nil
}

// set stores a string; "" removes the field.
func (f fields) set(name, value string) {
	if value == "" {
		delete(f, name)
		return
	}
	f[name], _ = json.Marshal(value) // a string always marshals
}

func numeral(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
