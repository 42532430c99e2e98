package config

import (
	"slices"
	"strings"

	"keyturn/internal/rotation"
)

type rawVerification struct {
	account, addresses, schedule *value
}

var verificationFields = fields[rawVerification]{
	{"account", func(_ *loader, r *rawVerification, v *value) { r.account = v }},
	{"addresses", func(_ *loader, r *rawVerification, v *value) { r.addresses = v }},
	{"schedule", func(_ *loader, r *rawVerification, v *value) { r.schedule = v }},
}

// verification reads one contact verification job.
func (l *loader) verification(v *value) {
	if !v.checkName() {
		return
	}
	var raw rawVerification
	verificationFields.decode(l, v, &raw)
	v.require("account", "addresses", "schedule")
	if raw.account == nil || raw.addresses == nil || raw.schedule == nil {
		return
	}
	job := Verification{Name: v.name, Schedule: l.schedule(raw.schedule, l.cfg.Timing.MinInterval).parsed}
	account := l.accountName(raw.account)
	if account == nil {
		return
	}
	job.Account = account.Name
	if account.Provider.Mode != rotation.ModeContacts {
		raw.account.fail("", "%s verifies no contacts", account.Provider.Code)
		return
	}
	for _, item := range raw.addresses.items() {
		address := item.string()
		if address == "" {
			continue
		}
		canonical, err := account.Provider.CheckTarget(address)
		switch {
		case err != nil:
			item.fail("", "%v", err)
		case slices.ContainsFunc(job.Addresses, func(other string) bool { return strings.EqualFold(other, canonical) }):
			item.fail("", "%s is listed twice", canonical)
		}
		job.Addresses = append(job.Addresses, canonical)
	}
	if len(job.Addresses) == 0 {
		raw.addresses.fail("", "must name at least one")
	}
	l.cfg.Verifications = append(l.cfg.Verifications, job)
}
