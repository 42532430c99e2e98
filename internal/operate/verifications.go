package operate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/contacts"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Notes are what became of the addresses of verifications. Safe for concurrent use; returns soon after ctx ends.
type Notes interface {
	// Load returns the notes by address; none is no error.
	Load(ctx context.Context, account, name string) (map[string]contacts.Note, error)
}

// Verified is an entry under verifications of the configuration, and what became of its addresses.
type Verified struct {
	Name      string   `json:"name"`
	Account   string   `json:"account"`
	Schedule  string   `json:"schedule"`
	Addresses []Mailed `json:"addresses"` // in the order of the configuration
}

// Mailed is what became of an address.
type Mailed struct {
	Contact
	At *time.Time `json:"at,omitempty"` // missing: it was not asked for in the last 7 days
}

// ContactUnasked is an address of which nothing is noted.
const ContactUnasked ContactResult = "not asked yet"

// Verified tells of each entry what became of its addresses. It takes no rights in Vault.
func (d *Desk) Verified(ctx context.Context) ([]Verified, error) {
	all := make([]Verified, 0, len(d.Verifications))
	for _, v := range d.Verifications {
		notes, err := d.Notes.Load(ctx, v.Account, v.Name)
		if err != nil {
			return nil, err
		}
		one := Verified{Name: v.Name, Account: v.Account, Schedule: v.Schedule.String(), Addresses: make([]Mailed, len(v.Addresses))}
		for i, address := range v.Addresses {
			one.Addresses[i] = mailed(address, notes)
		}
		all = append(all, one)
	}
	return all, nil
}

func mailed(address string, notes map[string]contacts.Note) Mailed {
	note, ok := notes[address]
	if !ok {
		return Mailed{Contact: Contact{Address: address, Result: ContactUnasked}}
	}
	return Mailed{contact(note.ContactResult), &note.At}
}

// VerifyAgain has a worker ask the addresses of an entry for confirmation now, each once more. It returns when that was asked for.
func (d *Desk) VerifyAgain(ctx context.Context, name, by string) (account string, at time.Time, err error) {
	i := slices.IndexFunc(d.Verifications, func(v config.Verification) bool { return v.Name == name })
	if i < 0 {
		return "", at, &Error{Absent, fmt.Errorf("%s: is not under verifications of the configuration", name)}
	}
	account = d.Verifications[i].Account
	at, err = d.Queue.Demand(ctx, account, queue.KindContacts, name, rotation.Job{RequestedBy: by})
	return account, at, err
}
