//go:build !race

package rotation_test

// defaultDepth takes half a minute on two cores.
const defaultDepth = 3
