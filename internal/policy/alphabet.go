package policy

import "strings"

const (
	allDigits = "0123456789"
	allLower  = "abcdefghijklmnopqrstuvwxyz"
	allUpper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	// allSymbols is printable ASCII that is neither letter nor digit nor space.
	allSymbols = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// alphabet is the set of usable characters of each class.
type alphabet [classCount]string

// alphabet returns what a password under the rule may consist of: each character once, and none that a forbidden
// text of one character excludes.
func (r Rule) alphabet() alphabet {
	excluded := func(b byte) bool {
		for _, f := range r.Forbidden {
			if len(f) == 1 && foldEqual(f[0], b) {
				return true
			}
		}
		return false
	}
	sets := alphabet{digits: allDigits, lower: allLower, upper: allUpper, symbols: r.AllowedSymbols}
	for id, set := range sets {
		sets[id] = distinctBytes(set, func(b byte) bool { return !excluded(b) })
	}
	return sets
}

// size returns how many characters there are in all classes.
func (a alphabet) size() int {
	n := 0
	for _, set := range a {
		n += len(set)
	}
	return n
}

// distinctBytes returns each byte of s once, in byte order, if keep wants it. The order makes equal sets equal strings.
func distinctBytes(s string, keep func(byte) bool) string {
	var b strings.Builder
	for c := range 128 {
		if strings.IndexByte(s, byte(c)) >= 0 && keep(byte(c)) {
			b.WriteByte(byte(c))
		}
	}
	return b.String()
}
