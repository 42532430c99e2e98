package operate

import (
	"fmt"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
)

// State is where a credential stands.
type State string

// The states of a credential.
const (
	Healthy     State = "healthy"
	Waiting     State = "waiting"
	Deleted     State = "deleted" // keyturn wrote a secret, and consumers find none
	Rotating    State = "rotating"
	InDoubt     State = "in doubt"
	Refused     State = "refused" // the last check of what consumers read was refused
	Quarantined State = "quarantined"
)

// States are all states, in the order in which people are told of them.
var States = []State{Healthy, Waiting, Deleted, Rotating, InDoubt, Refused, Quarantined}

// Checked is what the last check of a password said.
type Checked struct {
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"`
}

// Row is one credential's state. It holds no secret.
type Row struct {
	Credential string     `json:"credential"`
	Account    string     `json:"account"`
	State      State      `json:"state"`
	Version    int        `json:"version"` // of the secret in Vault; 0: none yet
	RotatedAt  *time.Time `json:"rotated_at,omitempty"`
	Due        *time.Time `json:"due,omitempty"` // may be past; where its window was missed, the next one
	Verified   string     `json:"verified,omitempty"`
	Checked    *Checked   `json:"checked,omitempty"`
	Strategy   string     `json:"strategy"`
	// Retiring is how many identities of an overlap wait to be retired; RetiresAt is when the first of them is.
	Retiring  int        `json:"retiring,omitempty"`
	RetiresAt *time.Time `json:"retires_at,omitempty"`
	Note      string     `json:"note,omitempty"`
	// Manual is a credential that waits until a person rotates it for the first time.
	Manual bool `json:"manual,omitempty"`
	// OnDemand is a credential that rotates on demand alone, and so is never due.
	OnDemand bool              `json:"on_demand,omitempty"`
	Owner    string            `json:"owner,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	// Frozen is the change freeze that holds its scheduled rotations back now.
	Frozen *freeze.Freeze `json:"frozen,omitempty"`
	// Held is what holds its account back, in a status.
	Held *Hold `json:"held,omitempty"`
}

// RowOf is the state of a credential now, by its journal, what consumers read and its last check.
func RowOf(cred *rotation.Credential, rec rotation.Record, current rotation.Entry, check due.Check, now time.Time) Row {
	r := Row{
		Credential: cred.ID, Account: cred.Account, Strategy: cred.Strategy().String(), State: JournalState(rec), Version: current.Version,
		Verified: string(current.Verified), Retiring: len(rec.Identities.Retire),
	}
	if first := rec.Identities.First(); !first.IsZero() {
		r.RetiresAt = &first
	}
	if r.OnDemand = cred.Schedule.IsManual(); r.OnDemand && !current.RotatedAt.IsZero() {
		r.RotatedAt = &current.RotatedAt
	} else if !current.RotatedAt.IsZero() {
		next := cred.Schedule.Serve(cred.Schedule.Next(current.Slot, cred.ID), now, cred.ID)
		r.RotatedAt, r.Due = &current.RotatedAt, &next
	}
	if !check.At.IsZero() {
		r.Checked = &Checked{At: check.At, Verdict: verdictNames[check.Verdict]}
	}
	switch {
	case r.State == Quarantined:
		r.Note = Plain(rec.Why)
	case r.State != "":
		r.Note = openNote(rec)
	case current.Password.IsZero() && (rec.CurrentVersion > 0 || current.RotationID != "" || current.Deleted && rec.RotationID != ""):
		r.State, r.Note = Deleted, "consumers find no password: undelete the secret in Vault, or rotate"
	case current.Password.IsZero():
		r.State = Waiting
		if cred.First == rotation.FirstManual {
			r.Manual, r.Note = true, "never rotated"
		}
	case check.Verdict == rotation.Refused && check.At.After(current.RotatedAt):
		r.State, r.Note = Refused, "the last check was refused: a rotation was asked for"
	default:
		r.State = Healthy
		if current.Verified == rotation.VerifiedNo {
			r.Note = "promoted unverified"
		}
	}
	return r
}

// row is RowOf with what the configuration files the credential under.
func (d *Desk) row(cred *rotation.Credential, rec rotation.Record, current rotation.Entry, check due.Check, now time.Time) Row {
	r := RowOf(cred, rec, current, check, now)
	d.file(&r, cred)
	return r
}

func (d *Desk) file(r *Row, cred *rotation.Credential) {
	if m := d.Fleet.Marks(cred); m != nil {
		r.Owner, r.Labels = m.Owner, m.Labels
	}
}

// verdictNames are short enough for a table.
var verdictNames = [...]string{
	rotation.Unknown: "could not ask", rotation.Works: "works", rotation.Refused: "refused", rotation.Unbelieved: "not believed",
}

// JournalState is the state of a credential whose journal is not closed; "" where it is, and current decides.
func JournalState(rec rotation.Record) State {
	switch {
	case rec.State == rotation.Quarantined:
		return Quarantined
	case rec.State == rotation.Open && rec.Doubted:
		return InDoubt
	case rec.State == rotation.Open:
		return Rotating
	}
	return ""
}

// openNote says what an open rotation waits for.
func openNote(rec rotation.Record) string {
	last := rec.Last()
	switch {
	case last != nil && last.State == rotation.Accepted && last.Denied:
		return "the provider accepted the password, and it does not log in yet"
	case last != nil && last.State == rotation.Accepted:
		return "the provider accepted the password, and the verifier has not said that it works"
	case rec.LastError != nil:
		return fmt.Sprintf("the provider answered %s: %s", rec.LastError.Kind, rec.LastError.Code)
	}
	return ""
}
