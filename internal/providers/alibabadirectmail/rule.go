package alibabadirectmail

import "keyturn/internal/policy"

// rule is the page's: 10 to 20 characters, at least two digits, upper-case and lower-case letters each, and neither
// the digits nor the letters one repeated character. "Two distinct ones of each" covers all of that. No page says
// whether symbols are accepted, so none are used.
func rule() policy.Rule {
	two := policy.Class{Min: 2, MinDistinct: 2}
	return policy.Rule{MinLength: 10, MaxLength: 20, Digits: two, Lower: two, Upper: two}
}
