package policy

import (
	"strings"

	"keyturn/internal/fielderr"
)

// LengthLimit is the longest password that a rule may ask for or a policy may generate, in characters.
const LengthLimit = 128

// Satisfiable returns the contradictions in a rule that can be proven from its numbers and sets, as *fielderr.Error
// values joined by errors.Join, or nil. A rule that only a dense list of longer forbidden texts makes impossible is found
// by Resolve, which refuses a rule that random passwords hardly ever pass.
func (r Rule) Satisfiable() error {
	var p fielderr.List
	r.checkNumbers(&p)
	r.checkSets(&p)
	if err := p.Err(); err != nil {
		return err
	}
	sets, total, limit := r.alphabet(), 0, r.maxLength()
	repeat := min(r.MaxRepeat, LengthLimit)
	if sets.size() == 0 {
		p.Add("forbidden", "excludes every character")
	}
	for i, class := range r.classes() {
		id, size := classID(i), len(sets[i])
		total += min(class.need(), LengthLimit+1) // bounded: no sum of four can overflow
		switch {
		case class.need() > 0 && size == 0:
			p.Add(minField(id, class), "requires %d, but none is allowed", class.need())
		case class.MinDistinct > size:
			p.Add(id.String()+".min_distinct", "requires %d different characters, but only %d are allowed", class.MinDistinct, size)
		case size == 1 && repeat > 0 && class.Min <= limit && class.Min > repeat*(limit-class.Min+1):
			p.Add(id.String()+".min", "requires %d, but there is only one such character and max_repeat is %d", class.Min, repeat)
		}
	}
	if total > limit {
		p.Add("max_length", "%d is less than the %d characters that the classes require together", limit, total)
	}
	if sets.size() == 1 && r.MaxRepeat > 0 && r.MinLength > r.MaxRepeat {
		p.Add("max_repeat", "is %d, but only one character is allowed, for %d places", r.MaxRepeat, r.MinLength)
	}
	return p.Err()
}

// maxLength is the longest password under the rule.
func (r Rule) maxLength() int {
	if r.MaxLength == 0 {
		return LengthLimit
	}
	return min(r.MaxLength, LengthLimit)
}

func minField(id classID, class Class) string {
	if class.Min >= class.MinDistinct {
		return id.String() + ".min"
	}
	return id.String() + ".min_distinct"
}

func (r Rule) checkNumbers(p *fielderr.List) {
	type field struct {
		name  string
		value int
	}
	fields := []field{{"min_length", r.MinLength}, {"max_length", r.MaxLength}, {"max_repeat", r.MaxRepeat}}
	for id, class := range r.classes() {
		name := classID(id).String()
		fields = append(fields, field{name + ".min", class.Min}, field{name + ".min_distinct", class.MinDistinct})
	}
	for _, f := range fields {
		if f.value < 0 {
			p.Add(f.name, "%d is negative", f.value)
		}
	}
	if r.MinLength > LengthLimit {
		p.Add("min_length", "%d is above keyturn's limit of %d", r.MinLength, LengthLimit)
	}
	if r.MaxLength > 0 && r.MinLength > r.MaxLength {
		p.Add("max_length", "%d is less than min_length %d", r.MaxLength, r.MinLength)
	}
}

func (r Rule) checkSets(p *fielderr.List) {
	for _, c := range r.AllowedSymbols {
		if !strings.ContainsRune(allSymbols, c) {
			p.Add("allowed_symbols", "%q is not an ASCII symbol", c)
		}
	}
	for i, f := range r.Forbidden {
		if f == "" {
			p.Add("forbidden", "text no. %d is empty, and every password contains the empty text", i+1)
		}
	}
}
