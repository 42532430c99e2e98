package secret

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// CheckHeader reports why an HTTP header cannot carry v as it is: keys travel there, beside signatures that cover them.
// It accepts printable ASCII without blanks at its ends. The error gives the position of a character, never the character.
func (v Value) CheckHeader() error {
	text := v.Reveal()
	for i, r := range text {
		place := utf8.RuneCountInString(text[:i]) + 1
		switch {
		case r == '\n' || r == '\r':
			return fmt.Errorf("character %d is a line break", place)
		case r == 0:
			return fmt.Errorf("character %d is a NUL: is it UTF-16?", place)
		case unicode.IsControl(r):
			return fmt.Errorf("character %d is a control character", place)
		case r == utf8.RuneError || r > unicode.MaxASCII:
			return fmt.Errorf("character %d is not ASCII: a quotation mark or a space that was copied with the text?", place)
		case r == ' ' && (i == 0 || i == len(text)-1):
			return fmt.Errorf("character %d is a space at the beginning or the end", place)
		}
	}
	return nil
}
