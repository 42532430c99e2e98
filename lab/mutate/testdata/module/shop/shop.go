// Package shop sees what package limit exports.
package shop

import "keyturn/limit"

// Sold returns how many of n are sold.
func Sold(n int) (int, error) {
	most, err := limit.Named()
	return limit.Within(n, limit.Double(most)), err
}
