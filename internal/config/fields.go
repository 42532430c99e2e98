package config

import (
	"keyturn/internal/config/document"
)

// field is one key that an object may have, and what becomes of its value.
type field[T any] struct {
	key string
	set func(*loader, *T, *document.Value)
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
func (fs fields[T]) decode(l *loader, v *document.Value, into *T) {
	if v.Kind() == document.Null || !v.Is(document.Object) {
		return
	}
	var seen uint64
	for _, child := range v.Children() {
		i := fs.find(child.Name())
		switch {
		case i < 0:
			child.FailKey(document.Nearest(child.Name(), fs.keys()), "unknown field")
		case seen&(1<<i) != 0:
			child.FailKey("", "is defined twice")
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
