// Package limit is broken by the patches beside it.
package limit

// Within returns n, and at most most; never less than 0.
func Within(n, most int) int {
	if n < 0 {
		return 0
	}
	for n > most {
		n--
	}
	return n
}
