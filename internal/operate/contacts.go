package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"keyturn/internal/rotation"
)

// ContactsRequest asks contacts to confirm their addresses.
type ContactsRequest struct {
	Account   string   `json:"account,omitempty"` // "" where only one account verifies contacts
	Addresses []string `json:"addresses"`

	By string `json:"-"` // as in Request
}

// Contact is what became of one address.
type Contact struct {
	Address string        `json:"address"`
	Result  ContactResult `json:"result"`
	Code    string        `json:"code,omitempty"` // the provider's, where it failed
}

// ContactResult is what became of the mail to an address.
type ContactResult string

// The results.
const (
	ContactSent   ContactResult = "sent"
	ContactBefore ContactResult = "mailed or verified before"
	ContactFailed ContactResult = "failed"
	ContactLater  ContactResult = "not today: its quota is used up"
)

// Good tells whether the address was mailed, now or before.
func (r ContactResult) Good() bool { return r == ContactSent || r == ContactBefore }

// ErrSeveral is a request that must name one of several accounts.
var ErrSeveral = errors.New("several accounts verify contacts: choose one")

// Contacts is a request as VerifyContacts carries it out: its account, and each address once as the provider spells it. Its
// error names every address that is none.
func (d *Desk) Contacts(r ContactsRequest) (ContactsRequest, error) {
	var found []string
	for name, a := range d.Accounts {
		if a.Provider.Mode == rotation.ModeContacts && (r.Account == "" || name == r.Account) {
			found = append(found, name)
		}
	}
	switch {
	case len(found) == 0 && r.Account != "":
		return r, &Error{Absent, fmt.Errorf("%s: no such account verifies contacts", r.Account)}
	case len(found) == 0:
		return r, &Error{Absent, errors.New("no account in the configuration verifies contacts")}
	case len(found) > 1:
		return r, &Error{Invalid, ErrSeveral}
	}
	all, problems := []string(nil), []error(nil)
	for _, given := range r.Addresses {
		address, err := d.Accounts[found[0]].Provider.CheckTarget(given)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("%q: %w", given, err))
		case !slices.Contains(all, address):
			all = append(all, address)
		}
	}
	if len(problems) > 0 {
		return r, &Error{Invalid, errors.Join(problems...)}
	}
	r.Account, r.Addresses = found[0], all
	return r, nil
}

// VerifyContacts has the provider mail a confirmation link to each address, and tells what became of each, in their order.
// It asks once: nothing is tried again.
func (d *Desk) VerifyContacts(ctx context.Context, r ContactsRequest) ([]Contact, error) {
	r, err := d.Contacts(r)
	if err != nil {
		return nil, err
	}
	results, err := d.Providers.Confirm(ctx, r.Account, r.Addresses, r.By)
	if err != nil {
		return nil, err
	}
	all := make([]Contact, len(r.Addresses))
	for i, address := range r.Addresses {
		all[i] = Contact{Address: address, Result: ContactFailed, Code: "not in the answer"}
		for _, c := range results {
			if c.Address == address {
				all[i] = contact(c)
			}
		}
	}
	return all, nil
}

func contact(c rotation.ContactResult) Contact {
	result := ContactFailed
	switch {
	case c.NotToday:
		result = ContactLater
	case c.State == rotation.ContactSent:
		result = ContactSent
	case c.State == rotation.ContactVerified:
		result = ContactBefore
	}
	return Contact{Address: c.Address, Result: result, Code: c.Code}
}
