package inventory

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// Digest is a hash of inventories and of what belongs to them: of records that cannot be mistaken for each other.
type Digest struct {
	sum           hash.Hash
	out           *bufio.Writer
	schedules     map[*schedule.Schedule]string // as text; a million credentials share a few
	verifications map[*rotation.Verification]string
}

// NewDigest returns the digest of nothing.
func NewDigest() *Digest {
	sum := sha256.New()
	return &Digest{
		sum: sum, out: bufio.NewWriterSize(sum, 32<<10),
		schedules: map[*schedule.Schedule]string{}, verifications: map[*rotation.Verification]string{},
	}
}

// Record adds one record of texts and other plain data.
func (d *Digest) Record(parts ...any) {
	texts := make([]string, len(parts))
	for i, part := range parts {
		text, ok := part.(string)
		if !ok {
			text = spell(part)
		}
		texts[i] = text
	}
	d.record(texts...)
}

// Credentials adds what an inventory holds, in its order: what is rotated, where and how. Where each credential is defined
// and which certificates its mail server is checked by are no part of it.
func (d *Digest) Credentials(in *Inventory) {
	for c := range in.Credentials() {
		d.credential(c)
	}
}

// Sum ends the digest and returns it.
func (d *Digest) Sum() (sum [sha256.Size]byte) {
	_ = d.out.Flush() // a hash takes everything
	d.sum.Sum(sum[:0])
	return sum
}

func (d *Digest) record(parts ...string) {
	var length [binary.MaxVarintLen64]byte
	_, _ = d.out.Write(binary.AppendUvarint(length[:0], uint64(len(parts))))
	for _, part := range parts {
		_, _ = d.out.Write(binary.AppendUvarint(length[:0], uint64(len(part))))
		_, _ = d.out.WriteString(part)
	}
}

func (d *Digest) credential(c *rotation.Credential) {
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
	d.record(c.ID, c.Account, c.Target, c.Place.Store, c.Place.Path, c.Username, c.First.String(), rule, when, check)
	if c.Overlap != nil {
		d.Record("overlap", c.Overlap)
	}
	if c.Pair != nil {
		d.Record("pair", c.Pair)
	}
}

// spell writes plain data as text.
func spell(data any) string {
	text, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("inventory: plain data must marshal: %v", err))
	}
	return string(text)
}
