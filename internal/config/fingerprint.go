package config

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// Fingerprint identifies what is rotated, where and how. Processes whose fingerprints differ work on different
// configurations. How a process finds its secrets, its certificates and Redis is no part of it, because that differs
// from machine to machine; the order of the credentials is. 64 hexadecimal digits.
func (c *Config) Fingerprint() string { return hex.EncodeToString(c.fingerprint[:]) }

// sum computes the fingerprint.
func (c *Config) sum() (sum [sha256.Size]byte) {
	hash := sha256.New()
	d := digest{out: bufio.NewWriterSize(hash, 32<<10), schedules: map[*schedule.Schedule]string{}, verifications: map[*rotation.Verification]string{}}
	for _, name := range keysOf(c.Stores) {
		s := c.Stores[name]
		d.record(name, s.Address, spell(s.Nodes), s.Namespace, s.Mount, s.JournalMount, spell(s.Fields))
	}
	for _, name := range keysOf(c.Accounts) {
		a := c.Accounts[name]
		d.record(name, a.Provider.Code, a.Region, a.Endpoint, spell(a.Rates), a.Timeout.String())
	}
	t := c.Timing
	d.record(t.ProviderTimeout.String(), t.TaskTimeout.String(), t.ResumeAfter.String(), t.MinInterval.String(), t.RecheckAfter.String(), t.DriftCheck.String())
	for _, v := range c.Verifications {
		d.record(v.Name, v.Account, spell(v.Addresses), v.Schedule.String())
	}
	for e := range c.credentials.all() {
		d.credential(e.Credential)
	}
	_ = d.out.Flush() // a hash takes everything
	hash.Sum(sum[:0])
	return sum
}

// digest writes records that cannot be mistaken for each other.
type digest struct {
	out           *bufio.Writer
	schedules     map[*schedule.Schedule]string // as text; a million credentials share a few
	verifications map[*rotation.Verification]string
}

func (d *digest) record(parts ...string) {
	var length [binary.MaxVarintLen64]byte
	_, _ = d.out.Write(binary.AppendUvarint(length[:0], uint64(len(parts))))
	for _, part := range parts {
		_, _ = d.out.Write(binary.AppendUvarint(length[:0], uint64(len(part))))
		_, _ = d.out.WriteString(part)
	}
}

func (d *digest) credential(c *rotation.Credential) {
	when, ok := d.schedules[c.Schedule]
	if !ok {
		when = c.Schedule.String()
		d.schedules[c.Schedule] = when
	}
	check, ok := d.verifications[c.Verify]
	if !ok {
		v := *c.Verify
		v.SMTP.CAFile = ""
		check = spell(v)
		d.verifications[c.Verify] = check
	}
	rule := ""
	if c.Policy != nil {
		rule = c.Policy.Fingerprint()
	}
	d.record(c.ID, c.Account, c.Target, c.Place.Store, c.Place.Path, c.Username, firstNames[c.First], rule, when, check)
}

// spell writes plain data as text.
func spell(data any) string {
	text, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("config: plain data must marshal: %v", err))
	}
	return string(text)
}
