//go:build race

package fleetsim

// The race detector makes a run ten times as long.
const (
	raced        = true
	defaultSeeds = 1
	defaultEach  = 4
)
