package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// report writes one figure.
func report(name string, value float64, unit string) {
	fmt.Printf("bench %s %.4g %s\n", name, value, unit)
}

// median of at least one value. With an even number it is the lower of the two in the middle.
func median[T cmp.Ordered](values []T) T { return quantile(values, 0.5) }

// quantile of at least one value, which it sorts.
func quantile[T cmp.Ordered](values []T, q float64) T {
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
