//go:build race

package rotation_test

// defaultDepth is less under the race detector, which makes the exploration ten times slower and finds nothing in it: one
// goroutine explores one world.
const defaultDepth = 2
