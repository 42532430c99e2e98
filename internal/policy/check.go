package policy

import (
	"strings"
	"unicode/utf8"

	"keyturn/internal/fielderr"
)

// Check returns nil if password satisfies the rule, else every breach: *fielderr.Error values joined by errors.Join, none
// of which tells anything about the password except the demand that it breaks.
func (r Rule) Check(password string) error {
	var p fielderr.List
	if len(password) < r.MinLength {
		p.Add("min_length", "shorter than %d characters", r.MinLength)
	}
	if r.MaxLength > 0 && len(password) > r.MaxLength {
		p.Add("max_length", "longer than %d characters", r.MaxLength)
	}
	r.checkCharacters(password, &p)
	if r.MaxRepeat > 0 && longestRun(password) > r.MaxRepeat {
		p.Add("max_repeat", "a character is repeated more than %d times in a row", r.MaxRepeat)
	}
	for i, f := range r.Forbidden {
		if containsFold(password, f) {
			p.Add("forbidden", "contains forbidden text no. %d", i+1)
		}
	}
	return p.Err()
}

func (r Rule) checkCharacters(password string, p *fielderr.List) {
	var count, distinct [classCount]int
	var seen [256]bool
	foreign := false
	for i := range len(password) {
		b := password[i]
		c := classOf(b)
		if c == symbols && (b >= utf8.RuneSelf || strings.IndexByte(r.AllowedSymbols, b) < 0) {
			foreign = true
			continue
		}
		count[c]++
		if !seen[b] {
			seen[b] = true
			distinct[c]++
		}
	}
	if foreign {
		p.Add("allowed_symbols", "contains a character that is not allowed")
	}
	for id, class := range r.classes() {
		if count[id] < class.Min {
			p.Add(classID(id).String()+".min", "fewer than %d", class.Min)
		}
		if distinct[id] < class.MinDistinct {
			p.Add(classID(id).String()+".min_distinct", "fewer than %d different ones", class.MinDistinct)
		}
	}
}

// longestRun returns the length of the longest run of one repeated character.
func longestRun(s string) int {
	longest, run := 0, 0
	for i := range len(s) {
		if i > 0 && s[i] == s[i-1] {
			run++
		} else {
			run = 1
		}
		longest = max(longest, run)
	}
	return longest
}

// containsFold reports whether s contains the non-empty part, without regard to ASCII case and without allocating.
func containsFold(s, part string) bool {
	if part == "" {
		return false
	}
	for i := 0; i+len(part) <= len(s); i++ {
		j := 0
		for j < len(part) && foldEqual(s[i+j], part[j]) {
			j++
		}
		if j == len(part) {
			return true
		}
	}
	return false
}
