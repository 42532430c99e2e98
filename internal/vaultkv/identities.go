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
	Phase     string    `json:"phase,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
}

var phaseNames = []string{rotation.Disabling: "disabling", rotation.Disabled: "disabled", rotation.Unused: "unused"} // left out: waits

// newIdentities is the stored form.
func newIdentities(i *rotation.Identities) (identities, error) {
	stored := identities{
		Account: i.Account, Target: i.Target, Owner: i.Owner, Grace: i.Grace, Used: i.Used, UsedAccount: i.UsedAccount,
		UsedTarget: i.UsedTarget, Kept: i.Kept,
	}
	for _, w := range i.Retire {
		phase := ""
		if w.Phase != rotation.Waits {
			var err error
			if phase, err = nameOf(phaseNames, w.Phase); err != nil {
				return identities{}, err
			}
		}
		stored.Retire = append(stored.Retire, retiring{w.ID, w.Account, w.Target, phase, w.NotBefore})
	}
	return stored, nil
}

// record is the inverse of newIdentities.
func (i *identities) record() (rotation.Identities, error) {
	rec := rotation.Identities{
		Account: i.Account, Target: i.Target, Owner: i.Owner, Grace: i.Grace, Used: i.Used, UsedAccount: i.UsedAccount,
		UsedTarget: i.UsedTarget, Kept: i.Kept,
	}
	for _, w := range i.Retire {
		phase := rotation.Waits
		if w.Phase != "" {
			var err error
			if phase, err = stateOf[rotation.Phase](phaseNames, w.Phase); err != nil {
				return rotation.Identities{}, err
			}
		}
		rec.Retire = append(rec.Retire, rotation.Retiring{ID: w.ID, Account: w.Account, Target: w.Target, Phase: phase, NotBefore: w.NotBefore})
	}
	return rec, nil
}
