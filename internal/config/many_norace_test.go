//go:build !race

package config_test

// many credentials are a fleet.
const many = 1_000_000
