package config

import (
	"slices"
	"strings"
)

// field is one key that an object may have, and what becomes of its value.
type field[T any] struct {
	key string
	set func(*loader, *T, *value)
}

// fields is everything an object may have. At most 64.
type fields[T any] []field[T]

// keys returns the names in the order of their declaration.
func (fs fields[T]) keys() []string {
	keys := make([]string, len(fs))
	for i, f := range fs {
		keys[i] = f.key
	}
	return keys
}

// decode fills into from the object v. Unknown and repeated keys are errors. An empty value counts as an empty object.
func (fs fields[T]) decode(l *loader, v *value, into *T) {
	if v.kind == null || !v.is(object) {
		return
	}
	var seen uint64
	for _, child := range v.children {
		i := fs.find(child.name)
		switch {
		case i < 0:
			child.failKey(nearest(child.name, fs.keys()), "unknown field")
		case seen&(1<<i) != 0:
			child.failKey("", "is defined twice")
		default:
			seen |= 1 << i
			fs[i].set(l, into, child)
		}
	}
}

func (fs fields[T]) find(key string) int {
	for i := range fs {
		if fs[i].key == key {
			return i
		}
	}
	return -1
}

// nearest is a hint: the one of names that the user most likely meant, else all of them.
func nearest(name string, names []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, candidate := range names {
		if d := distance(strings.ToLower(name), candidate); d < least && d < len(name) {
			best, least = candidate, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + best + "?"
	case len(names) == 0:
		return "there are none"
	case len(names) > 20:
		return ""
	}
	sorted := slices.Sorted(slices.Values(names))
	return "there are: " + strings.Join(sorted, ", ")
}

// distance is the number of bytes to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
