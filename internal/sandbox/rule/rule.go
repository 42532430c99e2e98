// Package rule has what the providers' password rules count.
package rule

import "strings"

// The classes of characters.
const (
	Digits  = "0123456789"
	Lower   = "abcdefghijklmnopqrstuvwxyz"
	Upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	Letters = Lower + Upper
)

// Printable says whether p is ASCII without control characters, of from to upto characters.
func Printable(p string, from, upto int) bool {
	return len(p) >= from && len(p) <= upto && !strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r > '~' })
}

// Count says how many characters of p are of a class.
func Count(p, class string) int {
	n := 0
	for i := range len(class) {
		n += strings.Count(p, class[i:i+1])
	}
	return n
}

// Distinct says how many characters of a class occur in p.
func Distinct(p, class string) int {
	n := 0
	for i := range len(class) {
		if strings.Contains(p, class[i:i+1]) {
			n++
		}
	}
	return n
}
