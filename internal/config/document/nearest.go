package document

import (
	"slices"
	"strings"
)

// Nearest is a hint: the one of names that the user most likely meant, else all of them.
func Nearest(name string, names []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, candidate := range names {
		if d := distance(strings.ToLower(name), candidate); d < least && d < len(name) {
			best, least = candidate, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + best + "?"
	case len(names) == 0:
		return "there are none"
	case len(names) > 20:
		return ""
	}
	sorted := slices.Sorted(slices.Values(names))
	return "there are: " + strings.Join(sorted, ", ")
}

// distance is the number of bytes to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
