// Package inventory holds the credentials of a fleet, of which there may be millions: a few hundred bytes each, in order,
// found by their ids, and compared with those of another inventory.
package inventory

import (
	"iter"

	"keyturn/internal/rotation"
)

// Entry is a credential and where it is defined. The same Credential may stand elsewhere in the next inventory.
type Entry struct {
	*rotation.Credential
	File, Line uint32 // File is a number that the caller of Builder.Add gives to each file
}

// chunkSize entries are allocated at a time: growing one slice to a million would copy it a dozen times and leave
// as much garbage.
const chunkSize = 512

// Inventory holds credentials. It never changes once its Builder is done, and is safe for concurrent use. The zero
// Inventory is empty.
type Inventory struct {
	chunks [][]Entry
	ids    index
}

// Len returns the number of credentials.
func (in *Inventory) Len() int {
	if len(in.chunks) == 0 {
		return 0
	}
	last := len(in.chunks) - 1
	return last*chunkSize + len(in.chunks[last])
}

func (in *Inventory) at(i uint32) *Entry { return &in.chunks[i/chunkSize][i%chunkSize] }

// push adds e without looking for duplicates and returns its number.
func (in *Inventory) push(e Entry) uint32 {
	n := in.Len()
	if n%chunkSize == 0 {
		in.chunks = append(in.chunks, make([]Entry, 0, chunkSize))
	}
	last := &in.chunks[n/chunkSize]
	*last = append(*last, e)
	return uint32(n) //nolint:gosec // memory ends long before 2^32 credentials
}

// Credential returns the credential of an id. It must not be changed.
func (in *Inventory) Credential(id string) (*rotation.Credential, bool) {
	e, ok := in.Entry(id)
	if !ok {
		return nil, false
	}
	return e.Credential, true
}

// Credentials goes over all credentials in the order in which they were added. They must not be changed.
func (in *Inventory) Credentials() iter.Seq[*rotation.Credential] {
	return func(yield func(*rotation.Credential) bool) {
		for _, chunk := range in.chunks {
			for i := range chunk {
				if !yield(chunk[i].Credential) {
					return
				}
			}
		}
	}
}

// Entry returns the entry of an id.
func (in *Inventory) Entry(id string) (*Entry, bool) { return in.byHash(hashOf(id, ""), id) }

func (in *Inventory) byHash(hash uint32, id string) (*Entry, bool) {
	i, ok := in.ids.find(hash, func(i uint32) bool { return in.at(i).ID == id })
	if !ok {
		return nil, false
	}
	return in.at(i), true
}
