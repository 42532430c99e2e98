//go:build race

package config_test

// many is a tenth of a fleet: the race detector takes a minute for the whole.
const many = 100_000
