package policy

import (
	"slices"
	"strings"

	"keyturn/internal/fielderr"
)

// Tighten adds a user's demands to a provider's rule. A zero field of user inherits the provider's; AllowedSymbols
// may only shrink, Forbidden only grows. A field that would loosen the provider's rule, or make the result impossible,
// is an error: *fielderr.Error values joined by errors.Join.
func Tighten(provider, user Rule) (Rule, error) {
	var p fielderr.List
	merged := Rule{
		MinLength: atLeast("min_length", provider.MinLength, user.MinLength, &p),
		MaxLength: atMost("max_length", provider.MaxLength, user.MaxLength, &p),
		MaxRepeat: atMost("max_repeat", provider.MaxRepeat, user.MaxRepeat, &p),
		Digits:    tightenClass(digits, provider.Digits, user.Digits, &p),
		Lower:     tightenClass(lower, provider.Lower, user.Lower, &p),
		Upper:     tightenClass(upper, provider.Upper, user.Upper, &p),
		Symbols:   tightenClass(symbols, provider.Symbols, user.Symbols, &p),

		AllowedSymbols: provider.AllowedSymbols,
		Forbidden:      slices.Concat(provider.Forbidden, user.Forbidden),
	}
	if user.AllowedSymbols != "" {
		merged.AllowedSymbols = user.AllowedSymbols
		for _, c := range user.AllowedSymbols {
			if !strings.ContainsRune(provider.AllowedSymbols, c) {
				p.Add("allowed_symbols", "the provider does not accept %q", c)
			}
		}
	}
	if err := p.Err(); err != nil {
		return Rule{}, err
	}
	merged = merged.canonical()
	if err := merged.Satisfiable(); err != nil {
		return Rule{}, err
	}
	return merged, nil
}

func tightenClass(id classID, provider, user Class, p *fielderr.List) Class {
	return Class{
		Min:         atLeast(id.String()+".min", provider.Min, user.Min, p),
		MinDistinct: atLeast(id.String()+".min_distinct", provider.MinDistinct, user.MinDistinct, p),
	}
}

// atLeast merges two lower bounds, of which 0 means none.
func atLeast(field string, provider, user int, p *fielderr.List) int {
	if user < 0 {
		p.Add(field, "%d is negative", user)
	} else if user > 0 && user < provider {
		p.Add(field, "%d is looser than the provider's %d", user, provider)
	}
	return max(provider, user)
}

// atMost merges two upper bounds, of which 0 means none.
func atMost(field string, provider, user int, p *fielderr.List) int {
	switch {
	case user < 0:
		p.Add(field, "%d is negative", user)
	case user == 0:
		return provider
	case provider > 0 && user > provider:
		p.Add(field, "%d is looser than the provider's %d", user, provider)
	}
	return user
}

// canonical spells a rule in the one way that all rules of its meaning share.
func (r Rule) canonical() Rule {
	forbidden := make([]string, len(r.Forbidden))
	for i, f := range r.Forbidden {
		forbidden[i] = strings.ToLower(f)
	}
	slices.Sort(forbidden)
	r.Forbidden = slices.Compact(forbidden)
	r.AllowedSymbols = distinctBytes(r.AllowedSymbols, func(byte) bool { return true })
	return r
}
