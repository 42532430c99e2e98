package operate

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// History is what Vault keeps of the past. Safe for concurrent use; returns soon after ctx ends.
type History interface {
	// History returns the versions of a secret that Vault still holds, newest first.
	History(ctx context.Context, place rotation.Place) ([]rotation.Entry, error)
	// Versions returns those of a journal, newest first. What can be read is returned with an error about the rest.
	Versions(ctx context.Context, cred *rotation.Credential) ([]rotation.Record, error)
}

// Life is whether a password that was found in Vault still logs in, as far as Vault tells.
type Life string

// What Vault tells of a password.
const (
	InUse    Life = "in use"   // consumers read it
	Valid    Life = "valid"    // consumers do not read it any more, and nothing shows that it is dead
	Unsure   Life = "unsure"   // an open rotation sets it, or replaces it
	Replaced Life = "replaced" // a later one took its place
)

// Match is a credential whose password, of now or of before, is the one that was looked for.
type Match struct {
	Credential string `json:"credential"`
	Account    string `json:"account"`
	Target     string `json:"target"`
	Life       Life   `json:"life"`
	// Version is the one of the secret that holds it; 0 where only the journal does.
	Version    int        `json:"version,omitempty"`
	RotationID string     `json:"rotation_id,omitempty"`
	RotatedAt  *time.Time `json:"rotated_at,omitempty"` // when it was stored
	// DeadSince is when the one was stored that took its place; nil where Vault does not tell.
	DeadSince *time.Time `json:"dead_since,omitempty"`
	Until     *time.Time `json:"until,omitempty"` // Valid: when it is to be retired
}

// Search is what became of looking for a password.
type Search struct {
	Page
	// Unread is how many credentials could not be read, or not whole, and Problems the causes of the first of them.
	Unread   int
	Problems []error
	Unnoted  error // why there is no event of it
}

// maxProblems bounds what is said of credentials that cannot be read: a store that is away has all of them.
const maxProblems = 20

// Which calls show with each credential of a query that has, or had, a password. It compares the password with what Vault holds
// now: nothing derived from it is kept anywhere, but that by asked is an event. States, age and limit of the query do not
// count. Progress is as of Status.
func (d *Desk) Which(ctx context.Context, q Query, password secret.Value, by string, show func(Match) error, progress func(read, total int)) (Search, error) {
	creds, err := d.Select(q)
	if err != nil {
		return Search{}, err
	}
	if d.Truth == nil || d.History == nil {
		return Search{}, errNoTruth
	}
	s := Search{Unnoted: d.Away}
	if d.Index != nil {
		s.Unnoted = d.Index.NoteSearch(ctx, by)
	}
	for range creds {
		s.Total++
	}
	type answer struct {
		found []Match
		err   error
	}
	for a := range inOrder(ctx, creds, func(ctx context.Context, cred *rotation.Credential) answer {
		found, err := d.compare(ctx, cred, password)
		return answer{found, d.of(cred, err)}
	}) {
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		if a.err != nil {
			if s.Unread++; s.Unread <= maxProblems {
				s.Problems = append(s.Problems, a.err)
			}
		}
		if s.Read++; progress != nil {
			progress(s.Read, s.Total)
		}
		for _, m := range a.found {
			s.Shown++
			if err := show(m); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// compare looks for a password in all that Vault holds of a credential. What could be read is compared, whatever the error.
func (d *Desk) compare(ctx context.Context, cred *rotation.Credential, password secret.Value) ([]Match, error) {
	records, err := d.History.Versions(ctx, cred)
	if len(records) == 0 {
		records = []rotation.Record{{}}
	}
	place := cred.Place
	if records[0].State != rotation.Closed {
		place = records[0].Place
	}
	entries, failed := d.History.History(ctx, place)
	if err == nil {
		err = failed
	}
	matches := slices.Collect(inSecret(cred, &records[0], entries, password))
	if len(matches) == 0 {
		matches = slices.Collect(inJournal(cred, records, password))
	}
	return matches, err
}

// inSecret are the versions of a secret that hold a password; of those that follow each other with the same one, the first.
func inSecret(cred *rotation.Credential, newest *rotation.Record, entries []rotation.Entry, password secret.Value) iter.Seq[Match] {
	return func(yield func(Match) bool) {
		for i, e := range slices.Backward(entries) { // the oldest first
			if !e.Password.Equal(password) || i+1 < len(entries) && entries[i+1].Password.Equal(password) {
				continue
			}
			m := Match{
				Credential: cred.ID, Account: cred.Account, Target: targetIn(cred, &e), Life: Replaced,
				Version: e.Version, RotationID: e.RotationID, RotatedAt: written(&e),
			}
			m.outlived(cred, newest, entries, i)
			if !yield(m) {
				return
			}
		}
	}
}

// outlived tells what became of the password of a version of current, the ith counted from the newest. What nothing shows to be
// replaced counts as valid: a person has to act on it.
func (m *Match) outlived(cred *rotation.Credential, newest *rotation.Record, entries []rotation.Entry, i int) {
	e := &entries[i]
	switch {
	case entries[0].Password.Equal(e.Password):
		m.Life = InUse
	case e.ID != "":
		m.outlivedIdentity(newest, e.ID)
	default:
		m.Life = Valid
		for _, later := range slices.Backward(entries[:i]) {
			if replaces(cred, &later, e) {
				m.Life, m.DeadSince = Replaced, written(&later)
				return
			}
		}
	}
}

// outlivedIdentity tells what became of an overlap's identity that the newest version of current does not name.
func (m *Match) outlivedIdentity(newest *rotation.Record, id string) {
	known := &newest.Identities
	if id == known.Used || slices.Contains(known.Kept, id) {
		m.Life = Valid
	}
	for _, w := range known.Retire {
		if w.ID == id {
			m.Life, m.Until = Valid, &w.NotBefore
		}
	}
}

// replaces tells whether a later version has another password of the same target and login.
func replaces(cred *rotation.Credential, later, e *rotation.Entry) bool {
	if later.ID != "" || later.Password.IsZero() || later.Password.Equal(e.Password) {
		return false
	}
	login := later.Username == e.Username || later.Username == "" || e.Username == ""
	return login && targetIn(cred, later) == targetIn(cred, e)
}

// targetIn is what a version of current is about. One that names no target is of a pair's target with its user name, or of the
// credential's.
func targetIn(cred *rotation.Credential, e *rotation.Entry) string {
	if e.Target == "" && cred.Pair != nil {
		if access := cred.Pair.Find("", e.Username); access != nil {
			return access.Target
		}
	}
	return cmp.Or(e.Target, cred.Target)
}

// written is when a version was stored.
func written(e *rotation.Entry) *time.Time {
	at := e.CreatedAt
	if at.IsZero() {
		return nil
	}
	return &at
}

// inJournal is the newest rotation that has a password among its candidates: consumers never read that.
func inJournal(cred *rotation.Credential, records []rotation.Record, password secret.Value) iter.Seq[Match] {
	return func(yield func(Match) bool) {
		for _, rec := range records {
			base := rec.BasePassword.Equal(password) && !rec.BasePassword.IsZero()
			held := slices.ContainsFunc(rec.Candidates, func(c rotation.Candidate) bool { return !c.Value.IsZero() && c.Value.Equal(password) })
			if !base && !held {
				continue
			}
			m := Match{
				Credential: cred.ID, Account: cred.Account, Target: cmp.Or(rec.Target, cred.Target), Life: Replaced, RotationID: rec.RotationID,
			}
			if at := rec.OpenedAt; !at.IsZero() {
				m.RotatedAt = &at
			}
			if records[0].RotationID == rec.RotationID && records[0].State != rotation.Closed {
				m.Life = Unsure
			}
			yield(m)
			return
		}
	}
}
