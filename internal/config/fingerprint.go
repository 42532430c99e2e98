package config

import (
	"crypto/sha256"
	"encoding/hex"

	"keyturn/internal/config/inventory"
)

// Fingerprint identifies what is rotated, where and how. Processes whose fingerprints differ work on different
// configurations. How a process finds its secrets, its certificates and Redis is no part of it, because that differs
// from machine to machine, and neither is the console; the order of the credentials is. 64 hexadecimal digits.
func (c *Config) Fingerprint() string { return hex.EncodeToString(c.fingerprint[:]) }

// sum computes the fingerprint.
func (c *Config) sum() [sha256.Size]byte {
	d := inventory.NewDigest()
	for _, name := range keysOf(c.Stores) {
		s := c.Stores[name]
		d.Record(name, s.Address, s.Nodes, s.Namespace, s.Mount, s.JournalMount, s.Fields)
	}
	for _, name := range keysOf(c.Accounts) {
		a := c.Accounts[name]
		d.Record(name, a.Provider.Code, a.Region, a.Endpoint, a.Rates, a.Timeout.String())
		if a.Provider.Description != "" {
			d.Record(a.Provider.Description)
		}
		if a.Marks != nil {
			d.Record("marks", a.Marks.String())
		}
	}
	t := c.Timing
	d.Record(t.ProviderTimeout.String(), t.TaskTimeout.String(), t.ResumeAfter.String(), t.MinInterval.String(), t.RecheckAfter.String(), t.DriftCheck.String())
	for _, v := range c.Verifications {
		d.Record(v.Name, v.Account, v.Addresses, v.Schedule.String())
	}
	for _, f := range c.Freezes {
		d.Record(f.Name, f.String(), f.From.String(), f.Until.String())
	}
	d.Credentials(&c.Inventory)
	if len(c.marks) > 0 {
		for cred := range c.Credentials() {
			if own, ok := c.marks[cred.ID]; ok {
				d.Record("marks", cred.ID, own.String())
			}
		}
	}
	return d.Sum()
}
