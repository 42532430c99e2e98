package limit

import (
	_ "embed" // what may be bought
	"strconv"
	"strings"
)

//go:embed most.txt
var most string

// Named returns what stands in most.txt.
func Named() (int, error) { return strconv.Atoi(strings.TrimSpace(most)) }

// Double returns twice as much.
func Double(n int) int { return 2 * n }
