package explore

import (
	"encoding/binary"
	"time"
)

// key tells a value from all others of its table.
type key []byte

// key starts a key; the one before is no longer needed.
func (n *names) key() key { return n.scratch[:0] }

func (k key) num(all ...int) key {
	for _, n := range all {
		k = binary.AppendVarint(k, int64(n))
	}
	return k
}

func (k key) num32(all ...int32) key {
	for _, n := range all {
		k = binary.AppendVarint(k, int64(n))
	}
	return k
}

func (k key) text(all ...string) key {
	for _, text := range all {
		k = append(append(k, text...), 0)
	}
	return k
}

func (k key) bools(all ...bool) key {
	for _, b := range all {
		if b {
			k = append(k, 1)
		} else {
			k = append(k, 0)
		}
	}
	return k
}

func (k key) times(all ...time.Time) key {
	for _, t := range all {
		if t.IsZero() {
			k = append(k, 0)
		} else {
			k = binary.AppendVarint(append(k, 1), int64(t.Sub(start)))
		}
	}
	return k
}
