package policy

import (
	"math"
	"strings"
	"testing"
)

// TestEntropyIsTheLogarithmOfAllPasswordsThatCanComeOut counts them one by one for a small rule.
func TestEntropyIsTheLogarithmOfAllPasswordsThatCanComeOut(t *testing.T) {
	t.Parallel()
	rule := Rule{MinLength: 5, MaxLength: 5, Digits: Class{2, 2}, Lower: Class{1, 1}, AllowedSymbols: "-_", Forbidden: allBut("abc012")}
	for _, tt := range []struct {
		name  string
		rule  func(Rule) Rule
		exact bool
	}{
		{"classes only", func(r Rule) Rule { return r }, true},
		{"with symbols", func(r Rule) Rule { r.Symbols = Class{1, 1}; return r }, true},
		{"with a longest run", func(r Rule) Rule { r.MaxRepeat = 2; return r }, false},
		{"with a forbidden text", func(r Rule) Rule { r.Forbidden = append([]string{"a1"}, r.Forbidden...); return r }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := resolve(t, tt.rule(rule), Spec{})
			count := enumerate(p)
			got, truth := p.Entropy(), math.Log2(float64(count))
			if got > truth+1e-9 || tt.exact && got < truth-1e-9 || got < truth-0.5 {
				t.Errorf("says %.6f bits, %d passwords are %.6f", got, count, truth)
			}
		})
	}
}

// enumerate counts the passwords that the policy's plan can produce and its rule accepts.
func enumerate(p *Policy) int {
	sets := p.rule.alphabet()
	count := 0
	eachPassword(strings.Join(sets[:], ""), p.Length(), func(password string, n [classCount]int) {
		if n[digits] == p.plan.digits && n[symbols] == p.plan.symbols && p.rule.Check(password) == nil {
			count++
		}
	})
	return count
}

// eachPassword calls f with every text of a length over an alphabet, and how many characters of each class it has.
func eachPassword(alphabet string, length int, f func(password string, n [classCount]int)) {
	buf := make([]byte, length)
	var walk func(i int)
	walk = func(i int) {
		if i < len(buf) {
			for j := range len(alphabet) {
				buf[i] = alphabet[j]
				walk(i + 1)
			}
			return
		}
		var n [classCount]int
		for _, b := range buf {
			n[classOf(b)]++
		}
		f(string(buf), n)
	}
	walk(0)
}

func TestEntropyOfTheDefaultIsOver115Bits(t *testing.T) {
	t.Parallel()
	p := resolve(t, mail, Spec{Name: "mail"})
	if p.Entropy() < 115 || p.Entropy() > 20*math.Log2(62) {
		t.Errorf("%v", p)
	}
	t.Log(p)
}

func TestNoOtherPlanThatPassesHasMoreEntropy(t *testing.T) {
	t.Parallel()
	withSymbols := mail
	withSymbols.AllowedSymbols, withSymbols.Symbols, withSymbols.MaxRepeat = "-_.", Class{1, 1}, 2
	for _, rule := range []Rule{mail, withSymbols, {MinLength: 4, MaxLength: 4, Forbidden: []string{"abc", "x1"}}} {
		p := resolve(t, rule, Spec{})
		o, most := newOdds(p.rule, p.Length()), 0.0
		for s := range o.n + 1 {
			for d := range o.n - s + 1 {
				share := o.classShare(d, s) - o.runShare(d, s) - o.forbiddenShare(d, s)
				if share >= minAcceptance && (s > 0) == (rule.AllowedSymbols != "") {
					most = max(most, o.spaceBits(d, s)+math.Log2(share))
				}
			}
		}
		if math.Abs(p.Entropy()-most) > 1e-9 {
			t.Errorf("%v, and another plan has %.3f bits", p, most)
		}
	}
}

// TestGeneratedPasswordsAreEvenlySpread draws from a space small enough to see each password often.
func TestGeneratedPasswordsAreEvenlySpread(t *testing.T) {
	t.Parallel()
	rule := Rule{MinLength: 2, MaxLength: 2, Digits: Class{1, 1}, Lower: Class{1, 1}, Forbidden: allBut("ab01")}
	p := resolve(t, rule, Spec{})
	random, seen := seeded(1), map[string]int{}
	const draws = 8000
	for range draws {
		v, err := p.Generate(random)
		if err != nil {
			t.Fatal(err)
		}
		seen[v.Reveal()]++
	}
	if len(seen) != 8 { // a0 0a a1 1a b0 0b b1 1b
		t.Fatalf("%d different passwords, want 8", len(seen))
	}
	for _, n := range seen {
		if n < 850 || n > 1150 { // 1000 ± 5 standard deviations
			t.Errorf("one came %d times in %d, want about %d", n, draws, draws/8)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	symbolic := Rule{MinLength: 6, MaxLength: 60, AllowedSymbols: "-_.!@#$%", Digits: Class{2, 2}, Symbols: Class{2, 2}}
	for _, bb := range []struct {
		name string
		p    *Policy
	}{
		{"alphanumeric", resolve(b, mail, Spec{})},
		{"symbols", resolve(b, symbolic, Spec{})},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bb.p.Generate(nil, "alerts@example.com"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if mail.Check("aB3dE6gH9jaB3dE6gH9j") != nil {
			b.Fatal("refused")
		}
	}
}

// A class without characters takes part in no password, and says nothing of their number.
func TestWithoutSymbolsThePlanIsTheOneWithTheMostEntropy(t *testing.T) {
	t.Parallel()
	o := newOdds(mail, 20)
	best, ok := o.best(false)
	if !ok || math.IsNaN(best.bits) {
		t.Fatalf("%+v", best)
	}
	for d := range 21 {
		if share := o.classShare(d, 0); share >= minAcceptance && o.spaceBits(d, 0)+math.Log2(share) > best.bits {
			t.Errorf("with %d digits there are more passwords than with %d", d, best.digits)
		}
	}
}
