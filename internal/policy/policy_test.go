package policy

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func resolve(tb testing.TB, rule Rule, spec Spec) *Policy {
	tb.Helper()
	p, err := Resolve(rule, spec)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// seeded is a repeatable random source.
func seeded(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

func TestDefaultIsTwentyAlphanumericCharactersWithinTheRule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		rule Rule
		spec Spec
		want int
	}{
		{"no rule", Rule{}, Spec{}, 20},
		{"provider's", mail, Spec{}, 20},
		{"rule is shorter", Rule{MaxLength: 12}, Spec{}, 12},
		{"rule is longer", Rule{MinLength: 32}, Spec{}, 32},
		{"user says", mail, Spec{Length: 14}, 14},
		{"needs more room", Rule{Lower: Class{Min: 12}, Upper: Class{Min: 12}}, Spec{}, 25},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := resolve(t, tt.rule, tt.spec)
			v, err := p.Generate(nil)
			if err != nil {
				t.Fatal(err)
			}
			if p.Length() != tt.want || len(v.Reveal()) != tt.want {
				t.Errorf("policy says %d, password has %d characters, want %d", p.Length(), len(v.Reveal()), tt.want)
			}
			if strings.ContainsFunc(v.Reveal(), func(c rune) bool { return classOf(byte(c)) == symbols }) {
				t.Error("symbols without being asked for")
			}
		})
	}
}

func TestSymbolsComeOnlyWhenAskedForOrDemanded(t *testing.T) {
	t.Parallel()
	allowed, demanded := mail, mail
	allowed.AllowedSymbols = "-_"
	demanded.AllowedSymbols, demanded.Symbols = "-_", Class{Min: 2}
	for _, tt := range []struct {
		name string
		rule Rule
		spec Spec
		want int
	}{
		{"allowed", allowed, Spec{}, 0},
		{"asked for", allowed, Spec{Symbols: true}, 1},
		{"demanded", demanded, Spec{}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := resolve(t, tt.rule, tt.spec)
			for range 50 {
				v, err := p.Generate(nil)
				if err != nil {
					t.Fatal(err)
				}
				if n := strings.Count(v.Reveal(), "-") + strings.Count(v.Reveal(), "_"); n < tt.want || tt.want == 0 && n > 0 {
					t.Fatalf("%d symbols, want %d or more, and 0 for 0", n, tt.want)
				}
			}
		})
	}
}

func TestResolveRefusesWhatCannotBeGenerated(t *testing.T) {
	t.Parallel()
	var pairs []string
	for a := range strings.SplitSeq(allLower+allDigits, "") {
		for b := range strings.SplitSeq(allLower+allDigits, "") {
			pairs = append(pairs, a+b)
		}
	}
	for _, tt := range []struct {
		name string
		rule Rule
		spec Spec
		want string
	}{
		{"too short", mail, Spec{Length: 9}, "length"},
		{"too long", mail, Spec{Length: 21}, "length"},
		{"negative", Rule{}, Spec{Length: -1}, "length"},
		{"over our limit", Rule{}, Spec{Length: LengthLimit + 1}, "length"},
		{"no symbols to use", mail, Spec{Symbols: true}, "symbols"},
		{"both", mail, Spec{Symbols: true, Length: 1}, "length symbols"},
		{"every pair is forbidden", Rule{Forbidden: pairs}, Spec{}, "length"},
		{"only one shape in a million", Rule{MaxLength: 20, Lower: Class{Min: 19}, Upper: Class{Min: 1}}, Spec{}, "length"},
		{"a user who loosens", mail, Spec{Rule: Rule{MinLength: 4}}, "min_length"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Resolve(tt.rule, tt.spec)
			if got := strings.Join(fields(t, err), " "); got != tt.want {
				t.Errorf("names %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

func TestGenerateHonoursExcludedAndForbiddenTexts(t *testing.T) {
	t.Parallel()
	rule := mail
	rule.Forbidden = []string{"l", "O", "0", "1"}
	p := resolve(t, rule, Spec{})
	for i := range 200 {
		v, err := p.Generate(seeded(byte(i)), "a", "", "Example")
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(v.Reveal(), "lLoO01aA") {
			t.Fatal("a forbidden character came out")
		}
	}
}

func TestGenerateWithAnEmptyClassNeverFallsBackToTheLibrarysSet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, left string }{
		{"only digits", allDigits},
		{"only letters", "xyXY"},
		{"only upper-case would be left", "zZ"},
		{"only symbols", "-_"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rule := Rule{AllowedSymbols: "-_"}
			for c := range strings.SplitSeq(allDigits+allLower+"-_", "") {
				if !strings.Contains(tt.left, c) {
					rule.Forbidden = append(rule.Forbidden, c)
				}
			}
			p := resolve(t, rule, Spec{Symbols: strings.Contains(tt.left, "-")})
			v, err := p.Generate(nil)
			if err != nil {
				t.Fatal(err)
			}
			if rest := strings.Trim(v.Reveal(), tt.left); rest != "" {
				t.Errorf("%d characters from outside the alphabet", len(rest))
			}
		})
	}
}

func TestGenerateGivesUpWithAClearError(t *testing.T) {
	t.Parallel()
	p := resolve(t, mail, Spec{Name: "mail"})
	if _, err := p.Generate(nil, strings.Split(allLower, "")...); !errors.Is(err, ErrTooStrict) {
		t.Errorf("all letters forbidden: %v", err)
	}
	if _, err := p.Generate(zeros{}); !errors.Is(err, ErrTooStrict) {
		t.Errorf("source of zeros: %v", err)
	}
	broken := errors.New("no entropy")
	if v, err := p.Generate(iotest.ErrReader(broken)); !errors.Is(err, broken) || !v.IsZero() {
		t.Errorf("broken source: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFingerprintFollowsContentsAndNotTheName(t *testing.T) {
	t.Parallel()
	rule := mail
	rule.MaxLength, rule.AllowedSymbols, rule.Forbidden = 40, "-_", []string{"a1", "b2"}
	base := resolve(t, rule, Spec{Name: "one"}).Fingerprint()

	same := rule
	same.AllowedSymbols, same.Forbidden = "_-_", []string{"B2", "a1", "b2"}
	if got := resolve(t, same, Spec{Name: "two", Length: 20}).Fingerprint(); got != base {
		t.Error("differs for the same contents")
	}
	seen := map[string]string{base: "base"}
	for name, change := range map[string]func(*Rule, *Spec){
		"min length":   func(r *Rule, _ *Spec) { r.MinLength++ },
		"max length":   func(r *Rule, _ *Spec) { r.MaxLength++ },
		"digits":       func(r *Rule, _ *Spec) { r.Digits.Min++ },
		"distinct":     func(r *Rule, _ *Spec) { r.Lower.MinDistinct++ },
		"upper":        func(r *Rule, _ *Spec) { r.Upper.Min++ },
		"symbols min":  func(r *Rule, _ *Spec) { r.Symbols.Min++ },
		"symbols":      func(r *Rule, _ *Spec) { r.AllowedSymbols += "+" },
		"forbidden":    func(r *Rule, _ *Spec) { r.Forbidden = []string{"a1"} },
		"repeat":       func(r *Rule, _ *Spec) { r.MaxRepeat = 3 },
		"length":       func(_ *Rule, s *Spec) { s.Length = 21 },
		"with symbols": func(_ *Rule, s *Spec) { s.Symbols = true },
		"user's rule":  func(_ *Rule, s *Spec) { s.Rule.Digits.Min = 5 },
	} {
		r, s := rule, Spec{Name: "one"}
		change(&r, &s)
		got := resolve(t, r, s).Fingerprint()
		if other, dup := seen[got]; dup {
			t.Errorf("%q has the fingerprint of %q", name, other)
		}
		seen[got] = name
	}
}
