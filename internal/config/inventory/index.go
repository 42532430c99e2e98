package inventory

import "hash/maphash"

// index is a hash table of numbers: 8 bytes a slot where a Go map of strings would take several times as much. A slot
// holds the hash and the number plus one, so that most probes need not look at the thing itself.
type index struct {
	slots []uint64 // a power of two of them; 0 is free
	used  int
}

// seed keeps the author of an inventory from choosing keys that collide.
var seed = maphash.MakeSeed()

// hashOf mixes a key of two parts.
func hashOf(a, b string) uint32 {
	h := maphash.String(seed, a)
	if b != "" {
		h ^= maphash.String(seed, b) * 0x9E3779B97F4A7C15
	}
	return uint32(h >> 32)
}

// find returns the number under hash for which same holds.
func (x *index) find(hash uint32, same func(uint32) bool) (uint32, bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(x.slots) - 1) //nolint:gosec // numbers have 32 bits, and so have slots
	for i := hash & mask; x.slots[i] != 0; i = (i + 1) & mask {
		slot := x.slots[i]
		if number := uint32(slot) - 1; uint32(slot>>32) == hash && same(number) { //nolint:gosec // the lower half
			return number, true
		}
	}
	return 0, false
}

// insert adds a number under hash. A caller that wants no duplicates asks find first.
func (x *index) insert(hash, number uint32) {
	if 4*x.used >= 3*len(x.slots) {
		old := x.slots
		x.slots = make([]uint64, max(64, 2*len(old)))
		for _, slot := range old {
			if slot != 0 {
				x.put(slot)
			}
		}
	}
	x.put(uint64(hash)<<32 | uint64(number+1))
	x.used++
}

func (x *index) put(slot uint64) {
	mask := uint64(len(x.slots) - 1) //nolint:gosec // not negative
	i := slot >> 32 & mask
	for x.slots[i] != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = slot
}
