package policy

import (
	"math"
	"strings"
	"testing"
)

// allBut are texts that exclude every letter and digit but those.
func allBut(keep string) (excluded []string) {
	for c := range strings.SplitSeq(allLower+allDigits, "") {
		if !strings.Contains(keep, c) {
			excluded = append(excluded, c)
		}
	}
	return excluded
}

// TestTheSharesThatAreTakenOffCountEveryPlace compares them with all passwords of a small rule, one by one.
func TestTheSharesThatAreTakenOffCountEveryPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		length, repeat int
		forbidden      []string
	}{{4, 1, []string{"a1"}}, {4, 2, []string{"aba", "-"}}, {4, 3, []string{"bB1-", "B0"}}, {3, 4, []string{"a1-b"}}} {
		rule := Rule{AllowedSymbols: "-_", MaxRepeat: tt.repeat, Forbidden: append(allBut("ab01"), tt.forbidden...)}
		o := newOdds(rule, tt.length)
		for s := range tt.length + 1 {
			for d := range tt.length - s + 1 {
				runs, texts := expected(o, d, s)
				if got := o.runShare(d, s); math.Abs(got-runs) > 1e-12 {
					t.Errorf("%+v, %d digits, %d symbols: runs have a share of %g, want %g", tt, d, s, got, runs)
				}
				if got := o.forbiddenShare(d, s); math.Abs(got-texts) > 1e-12 {
					t.Errorf("%+v, %d digits, %d symbols: texts have a share of %g, want %g", tt, d, s, got, texts)
				}
			}
		}
	}
}

// expected is how many runs that are too long, and how many forbidden texts, begin in a password on average.
func expected(o *odds, d, s int) (runs, texts float64) {
	count := 0.0
	eachPassword(strings.Join(o.sets[:], ""), o.n, func(password string, n [classCount]int) {
		if n[digits] != d || n[symbols] != s {
			return
		}
		count++
		for at := range password {
			rest := password[at:]
			if run := o.rule.MaxRepeat + 1; run <= len(rest) && longestRun(rest[:run]) == run {
				runs++
			}
			for _, text := range o.rule.Forbidden {
				if len(text) > 1 && len(text) <= len(rest) && strings.EqualFold(rest[:len(text)], text) {
					texts++
				}
			}
		}
	})
	if count == 0 {
		return 0, 0
	}
	return runs / count, texts / count
}
