package vaultkv

import (
	"time"

	"keyturn/internal/rotation"
)

// identities are what a journal says of those of an overlap.
type identities struct {
	Account     string        `json:"account,omitempty"`
	Target      string        `json:"target,omitempty"`
	Owner       string        `json:"owner,omitempty"`
	Grace       time.Duration `json:"grace_ns,omitempty"`
	Used        string        `json:"used,omitempty"`
	UsedAccount string        `json:"used_account,omitempty"`
	UsedTarget  string        `json:"used_target,omitempty"`
	Retire      []retiring    `json:"retire,omitempty"`
	Kept        []string      `json:"kept,omitempty"`
}

type retiring struct {
	ID        string    `json:"id"`
	Account   string    `json:"account,omitempty"`
	Target    string    `json:"target,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
}

// newIdentities is the stored form.
func newIdentities(i *rotation.Identities) identities {
	stored := identities{
		Account: i.Account, Target: i.Target, Owner: i.Owner, Grace: i.Grace, Used: i.Used, UsedAccount: i.UsedAccount,
		UsedTarget: i.UsedTarget, Kept: i.Kept,
	}
	for _, w := range i.Retire {
		stored.Retire = append(stored.Retire, retiring(w))
	}
	return stored
}

// record is the inverse of newIdentities.
func (i *identities) record() rotation.Identities {
	rec := rotation.Identities{
		Account: i.Account, Target: i.Target, Owner: i.Owner, Grace: i.Grace, Used: i.Used, UsedAccount: i.UsedAccount,
		UsedTarget: i.UsedTarget, Kept: i.Kept,
	}
	for _, w := range i.Retire {
		rec.Retire = append(rec.Retire, rotation.Retiring(w))
	}
	return rec
}
