package config

import (
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

type rawVerification struct {
	account, addresses, schedule *document.Value
}

var verificationFields = fields[rawVerification]{
	{"account", func(_ *loader, r *rawVerification, v *document.Value) { r.account = v }},
	{"addresses", func(_ *loader, r *rawVerification, v *document.Value) { r.addresses = v }},
	{"schedule", func(_ *loader, r *rawVerification, v *document.Value) { r.schedule = v }},
}

// verification reads one contact verification job.
func (l *loader) verification(v *document.Value) {
	if !checkName(v) {
		return
	}
	var raw rawVerification
	verificationFields.decode(l, v, &raw)
	v.Require("account", "addresses", "schedule")
	if raw.account == nil || raw.addresses == nil || raw.schedule == nil {
		return
	}
	job := Verification{Name: v.Name(), Schedule: l.schedule(raw.schedule, l.cfg.Timing.MinInterval).parsed}
	account := l.accountName(raw.account)
	if account == nil {
		return
	}
	job.Account = account.Name
	if account.Provider.Mode != rotation.ModeContacts {
		raw.account.Fail("", "%s verifies no contacts", account.Provider.Code)
		return
	}
	for _, item := range raw.addresses.Items() {
		address := item.Text()
		if address == "" {
			continue
		}
		canonical, err := account.Provider.CheckTarget(address)
		switch {
		case err != nil:
			item.Fail("", "%v", err)
		case slices.ContainsFunc(job.Addresses, func(other string) bool { return strings.EqualFold(other, canonical) }):
			item.Fail("", "%s is listed twice", canonical)
		}
		job.Addresses = append(job.Addresses, canonical)
	}
	if len(job.Addresses) == 0 {
		raw.addresses.Fail("", "must name at least one")
	}
	l.cfg.Verifications = append(l.cfg.Verifications, job)
}
