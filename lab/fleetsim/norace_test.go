//go:build !race

package fleetsim

const (
	raced        = false
	defaultSeeds = 2
	defaultEach  = 20
)
