package sandbox

import "strings"

// The classes that the providers' password rules count.
const (
	digits  = "0123456789"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	letters = lower + upper
)

// tencentPassword is Tencent's rule: 10 to 20 characters, at least 2 different digits, lower-case and upper-case
// letters each.
func tencentPassword(p string) bool {
	return printable(p, 10, 20) && distinct(p, digits) >= 2 && distinct(p, lower) >= 2 && distinct(p, upper) >= 2
}

// directMailPassword is DirectMail's rule: 10 to 20 characters, at least 2 digits, lower-case and upper-case letters
// each, and neither the digits nor the letters one repeated character.
func directMailPassword(p string) bool {
	return printable(p, 10, 20) && count(p, digits) >= 2 && count(p, lower) >= 2 && count(p, upper) >= 2 &&
		distinct(p, digits) >= 2 && distinct(p, letters) >= 2
}

// printable says whether p is ASCII without control characters, of from to upto characters.
func printable(p string, from, upto int) bool {
	return len(p) >= from && len(p) <= upto && !strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r > '~' })
}

// count says how many characters of p are of a class.
func count(p, class string) int {
	n := 0
	for i := range len(class) {
		n += strings.Count(p, class[i:i+1])
	}
	return n
}

// distinct says how many characters of a class occur in p.
func distinct(p, class string) int {
	n := 0
	for i := range len(class) {
		if strings.Contains(p, class[i:i+1]) {
			n++
		}
	}
	return n
}
