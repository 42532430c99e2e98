package policy

import (
	"errors"
	"strings"
	"testing"
)

// FuzzGenerateSatisfiesRule: whatever the rule, it is refused with fields named, or every password passes it.
func FuzzGenerateSatisfiesRule(f *testing.F) {
	f.Add(10, 20, 2, 2, 2, 2, 2, 2, 0, 0, "", "", 0, 0, false, "")
	f.Add(6, 60, 0, 0, 0, 0, 0, 0, 2, 1, "-_", "admin,l,O,0", 2, 24, true, "alerts")
	f.Add(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "é \x00", "", -1, -1, true, "é")
	f.Add(0, 9, 9, 9, 0, 0, 0, 0, 0, 0, "--", "1,2,3", 1, 9, false, "0")
	f.Fuzz(func(t *testing.T, minLen, maxLen, dm, dd, lm, ld, um, ud, sm, sd int, allowed, forbidden string,
		repeat, length int, withSymbols bool, user string,
	) {
		rule := Rule{
			MinLength: minLen, MaxLength: maxLen, MaxRepeat: repeat, AllowedSymbols: allowed,
			Digits: Class{dm, dd}, Lower: Class{lm, ld}, Upper: Class{um, ud}, Symbols: Class{sm, sd},
		}
		if forbidden != "" {
			rule.Forbidden = strings.Split(forbidden, ",")
		}
		p, err := Resolve(Rule{AllowedSymbols: allowed}, Spec{Rule: rule, Length: length, Symbols: withSymbols})
		if err != nil {
			if len(fields(t, err)) == 0 {
				t.Fatalf("names no field: %v", err)
			}
			return
		}
		if err := p.Rule().Satisfiable(); err != nil {
			t.Fatalf("resolved, but %v", err)
		}
		for i := range byte(3) {
			v, err := p.Generate(seeded(i), user)
			if errors.Is(err, ErrTooStrict) && user != "" {
				return // texts of one credential may leave nothing
			}
			if err != nil {
				t.Fatalf("%+v: %v", rule, err)
			}
			if err := rule.Check(v.Reveal()); err != nil {
				t.Fatalf("%+v: %v", rule, err)
			}
			if containsAny(v.Reveal(), []string{user}) || len(v.Reveal()) != p.Length() {
				t.Fatalf("%+v: the user name came out, or another length", rule)
			}
		}
	})
}
