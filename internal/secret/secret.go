// Package secret holds passwords and keys in a form that cannot be printed, logged or marshalled by accident.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// mask is what every accidental rendering of a Value shows.
const mask = "[secret]"

// Value is a password or key. It keeps a pointer, not a string: under %+v or %d, fmt reads the unexported fields
// of a struct that embeds a Value without asking its methods, and a pointer shows an address there, never the text.
// The zero Value is empty.
type Value struct{ text *string }

// New wraps text.
func New(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{text: &text}
}

// Reveal returns the text. Call it only where the text leaves for its destination: a provider, Vault or an SMTP server.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// IsZero reports whether v holds nothing.
func (v Value) IsZero() bool { return v.text == nil }

// Equal compares in constant time.
func (v Value) Equal(other Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(other.Reveal())) == 1
}

// Format implements fmt.Formatter for every verb, so that no verb shows the text.
func (v Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, mask) }

// LogValue implements slog.LogValuer.
func (v Value) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalJSON never writes the text: code that stores a secret on purpose calls Reveal.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalText covers encoders that prefer text, map keys and YAML among them.
func (v Value) MarshalText() ([]byte, error) { return []byte(mask), nil }
