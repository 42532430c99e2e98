package rotation

import (
	"maps"
	"slices"
	"strings"
)

// Marks is what people file a credential under. No rotation depends on it.
type Marks struct {
	Owner  string            // who is responsible; "" if that is not said
	Labels map[string]string // never changed
}

// String is the same for equal marks only.
func (m *Marks) String() string {
	if m == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(m.Owner)
	for _, key := range slices.Sorted(maps.Keys(m.Labels)) {
		b.WriteString("," + key + "=" + m.Labels[key])
	}
	return b.String()
}

// Has reports whether a credential carries all of want: its owner, if want names one, and every label.
func (m *Marks) Has(want *Marks) bool {
	if want == nil {
		return true
	}
	if m == nil {
		m = &Marks{}
	}
	if want.Owner != "" && want.Owner != m.Owner {
		return false
	}
	for key, value := range want.Labels {
		if got, ok := m.Labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}
