package config

import (
	"iter"

	"keyturn/internal/rotation"
)

// entry is a credential and where it stands. The same Credential may stand elsewhere in the next configuration.
type entry struct {
	*rotation.Credential
	file, line uint32 // file is an index of Config.Files
}

// chunkSize entries are allocated at a time: growing one slice to a million would copy it a dozen times and leave
// as much garbage.
const chunkSize = 512

// inventory holds the credentials.
type inventory struct {
	chunks [][]entry
	ids    index
}

func (in *inventory) len() int {
	if len(in.chunks) == 0 {
		return 0
	}
	last := len(in.chunks) - 1
	return last*chunkSize + len(in.chunks[last])
}

func (in *inventory) at(i uint32) *entry { return &in.chunks[i/chunkSize][i%chunkSize] }

// push adds e without looking for duplicates and returns its number.
func (in *inventory) push(e entry) uint32 {
	n := in.len()
	if n%chunkSize == 0 {
		in.chunks = append(in.chunks, make([]entry, 0, chunkSize))
	}
	last := &in.chunks[n/chunkSize]
	*last = append(*last, e)
	return uint32(n) //nolint:gosec // memory ends long before 2^32 credentials
}

func (in *inventory) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, chunk := range in.chunks {
			for i := range chunk {
				if !yield(&chunk[i]) {
					return
				}
			}
		}
	}
}

func (in *inventory) byID(id string) (*entry, bool) { return in.byHash(hash(id, ""), id) }

func (in *inventory) byHash(hash uint32, id string) (*entry, bool) {
	i, ok := in.ids.find(hash, func(i uint32) bool { return in.at(i).ID == id })
	if !ok {
		return nil, false
	}
	return in.at(i), true
}
