package policy

import "math"

// passShares returns, for 0..n independent draws from size characters, the share that satisfies the class. It walks
// the chain of how many different characters have been seen.
func passShares(class Class, size, n int) []float64 {
	shares := make([]float64, n+1)
	distinct := make([]float64, n+2) // distinct[j]: probability of j different characters so far
	distinct[0] = 1
	for k := range shares {
		if k >= class.Min {
			for j := class.MinDistinct; j <= k; j++ {
				shares[k] += distinct[j]
			}
		}
		if size == 0 {
			break // nothing can be drawn
		}
		for j := k + 1; j > 0; j-- {
			again, fresh := float64(j)/float64(size), float64(size-j+1)/float64(size)
			distinct[j] = distinct[j]*again + distinct[j-1]*fresh
		}
		distinct[0] = 0
	}
	return shares
}

// runShare bounds the share of passwords in which one character is repeated too often in a row: the sum over the
// places where such a run can start.
func (o *odds) runShare(d, s int) float64 {
	run := o.rule.MaxRepeat + 1
	if run == 1 || run > o.n {
		return 0
	}
	share := 0.0
	for _, kind := range o.kinds(d, s) {
		if kind.count >= run {
			share += falling(kind.count, run) / falling(o.n, run) * power(1/float64(kind.size), run-1)
		}
	}
	return float64(o.n-run+1) * share
}

// forbiddenShare bounds the share of passwords that hold a forbidden text of two or more characters: the sum over the
// texts and the places where they can start.
func (o *odds) forbiddenShare(d, s int) float64 {
	share := 0.0
	for _, text := range o.rule.Forbidden {
		if len(text) > 1 && len(text) <= o.n {
			share += float64(o.n-len(text)+1) * o.textShare(text, d, s)
		}
	}
	return share
}

// textShare is the probability that text, in any case, stands at one given place.
func (o *odds) textShare(text string, d, s int) float64 {
	share := 1 / falling(o.n, len(text))
	left := o.kinds(d, s)
	for i := range len(text) {
		kind := &left[kindOf(classOf(text[i]))]
		spellings := 0
		for _, set := range o.sets {
			for j := range len(set) {
				if foldEqual(set[j], text[i]) {
					spellings++
				}
			}
		}
		if spellings == 0 || kind.count <= 0 {
			return 0
		}
		share *= float64(kind.count) * float64(spellings) / float64(kind.size)
		kind.count--
	}
	return share
}

// kind is a number of characters that are drawn from one alphabet of a size.
type kind struct{ count, size int }

// kinds returns what a plan draws: digits, symbols, letters.
func (o *odds) kinds(d, s int) [3]kind {
	return [3]kind{
		{d, len(o.sets[digits])},
		{s, len(o.sets[symbols])},
		{o.n - d - s, len(o.sets[lower]) + len(o.sets[upper])},
	}
}

func kindOf(c classID) int {
	switch c {
	case digits:
		return 0
	case symbols:
		return 1
	default:
		return 2
	}
}

// falling is n·(n-1)···, k factors.
func falling(n, k int) float64 {
	product := 1.0
	for i := range k {
		product *= float64(n - i)
	}
	return product
}

// power is x^k, with 0^0 = 1 and a NaN base (of an empty alphabet) counted as 0.
func power(x float64, k int) float64 {
	if k == 0 {
		return 1
	}
	if math.IsNaN(x) {
		return 0
	}
	return math.Pow(x, float64(k))
}

func binomial(n, k int) float64 {
	return math.Exp(logFactorial(n) - logFactorial(k) - logFactorial(n-k))
}

func logFactorial(n int) float64 {
	v, _ := math.Lgamma(float64(n) + 1)
	return v
}
