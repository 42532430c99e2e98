package enom

import "keyturn/internal/policy"

// rule is the page's: ASCII, 6 to 60 characters. The symbols leave out what a page or a shell might treat specially:
// quotes, angle brackets, ampersand, backslash, backtick and space.
func rule() policy.Rule {
	return policy.Rule{MinLength: 6, MaxLength: 60, AllowedSymbols: "!#$%()*+,-./:;=?@[]^_{|}~"}
}
