// Package policy says what a password must look like and generates one that does. It is pure: no I/O but the
// random source that a caller hands in.
package policy

// Rule is a password rule as data: what a provider accepts, or what a user asks for. The zero Rule asks nothing.
type Rule struct {
	MinLength, MaxLength int // in characters (all are ASCII); 0 means no bound
	Digits, Lower, Upper Class
	Symbols              Class
	// AllowedSymbols is the set of non-alphanumeric ASCII characters that may occur; "" means none.
	AllowedSymbols string
	// Forbidden are substrings that must not occur, compared without regard to case (a user name, for instance). One
	// of a single character removes that character, in both cases, from the alphabet.
	Forbidden []string
	// MaxRepeat is the longest allowed run of one repeated character; 0 means no bound.
	MaxRepeat int
}

// Class is what a rule asks of one class of characters.
type Class struct {
	Min         int // at least so many characters
	MinDistinct int // at least so many different ones among them
}

// need is the smallest number of characters of the class that can satisfy it.
func (c Class) need() int { return max(c.Min, c.MinDistinct) }

// classID indexes the four classes of characters.
type classID int

const (
	digits classID = iota
	lower
	upper
	symbols
	classCount
)

func (c classID) String() string {
	return [classCount]string{"digits", "lower", "upper", "symbols"}[c]
}

func (r Rule) classes() [classCount]Class {
	return [classCount]Class{digits: r.Digits, lower: r.Lower, upper: r.Upper, symbols: r.Symbols}
}

// classOf returns the class of an ASCII character; whatever is no letter and no digit counts as a symbol.
func classOf(b byte) classID {
	switch {
	case '0' <= b && b <= '9':
		return digits
	case 'a' <= b && b <= 'z':
		return lower
	case 'A' <= b && b <= 'Z':
		return upper
	default:
		return symbols
	}
}

// foldEqual compares two ASCII bytes without regard to case.
func foldEqual(a, b byte) bool { return fold(a) == fold(b) }

func fold(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
