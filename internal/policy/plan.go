package policy

import (
	"math"

	"keyturn/internal/fielderr"
)

// minAcceptance is the least share of random passwords that must pass the rule: with it, maxTries in a row miss with
// a probability under 10^-12.
const minAcceptance = 0.25

// plan says how many characters of each kind a password has. go-password draws them independently from the kind's
// alphabet and spreads them over random places; a password that breaks the rule is discarded. So all passwords that pass
// are equally likely, and the entropy is the logarithm of their number,
//
//	bits = log2( n! / (d! s! l!) · D^d · S^s · L^l · a )
//
// for n places with d digits, s symbols and l letters from alphabets of D, S and L characters. a is the share that
// passes: exact for the minimums of the classes, less an upper bound (the sum over all places) of the share that
// holds a forbidden text or too long a run. Choosing d and s so that bits is largest loses about 2 bits against
// drawing each place from one common alphabet.
//
// Forbidden texts that Generate adds for one credential are not counted; they cost a fraction of a bit.
type plan struct {
	length, digits, symbols int
	bits                    float64
}

// choosePlan finds the best plan for the length, or for a workable one from DefaultLength up where length is 0. length
// must lie within the rule's range.
func choosePlan(rule Rule, length int, withSymbols bool) (plan, error) {
	shortest, longest := length, length
	if length == 0 {
		longest = rule.maxLength()
		shortest = min(max(DefaultLength, rule.MinLength), longest)
	}
	for n := shortest; ; n = min(n+max(1, n/4), longest) {
		if best, ok := newOdds(rule, n).best(withSymbols); ok {
			return best, nil
		}
		if n == longest {
			break
		}
	}
	var p fielderr.List
	p.Add("length", "hardly any random password of %d characters passes the rule: allow a longer one, or relax the rule", longest)
	return plan{}, p.Err()
}

// odds holds what the plans of one length have in common.
type odds struct {
	rule Rule
	n    int
	sets alphabet
	pass [classCount][]float64 // by count of characters: the share that satisfies the class
	// letters is pass for lower and upper case together, drawn from their common alphabet.
	letters []float64
}

func newOdds(rule Rule, n int) *odds {
	o := &odds{rule: rule, n: n, sets: rule.alphabet()}
	for id, class := range rule.classes() {
		o.pass[id] = passShares(class, len(o.sets[id]), n)
	}
	low, up := float64(len(o.sets[lower])), float64(len(o.sets[upper]))
	o.letters = make([]float64, n+1)
	for l := range o.letters {
		for k := 0; k <= l; k++ {
			share := binomial(l, k) * power(low/(low+up), k) * power(up/(low+up), l-k)
			if share > 0 {
				o.letters[l] += share * o.pass[lower][k] * o.pass[upper][l-k]
			}
		}
	}
	return o
}

// best returns the plan with the most entropy among those that enough random passwords pass.
func (o *odds) best(withSymbols bool) (best plan, ok bool) {
	fewest, most := 0, 0
	if withSymbols {
		fewest, most = 1, o.n
	}
	for s := fewest; s <= most; s++ {
		for d := 0; d+s <= o.n; d++ {
			share := o.classShare(d, s)
			if share < minAcceptance {
				continue
			}
			space := o.spaceBits(d, s)
			if ok && space+math.Log2(share) <= best.bits {
				continue // saves the walk over the forbidden texts
			}
			share -= o.runShare(d, s) + o.forbiddenShare(d, s)
			if share < minAcceptance {
				continue
			}
			if bits := space + math.Log2(share); !ok || bits > best.bits {
				best, ok = plan{length: o.n, digits: d, symbols: s, bits: bits}, true
			}
		}
	}
	return best, ok
}

// classShare is the share of random passwords with d digits and s symbols that satisfies the classes.
func (o *odds) classShare(d, s int) float64 {
	return o.pass[digits][d] * o.pass[symbols][s] * o.letters[o.n-d-s]
}

// spaceBits is the logarithm of the number of passwords with d digits and s symbols, whether or not they pass.
func (o *odds) spaceBits(d, s int) float64 {
	bits := logFactorial(o.n) / math.Ln2
	for _, k := range o.kinds(d, s) {
		bits -= logFactorial(k.count) / math.Ln2
		if k.count > 0 {
			bits += float64(k.count) * math.Log2(float64(k.size))
		}
	}
	return bits
}
