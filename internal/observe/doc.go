// Package observe is what a process shows about itself: log lines, metrics, and the answers to "alive" and "ready". It
// imports no adapter: data from Redis or Vault comes in through functions that the commands wire up.
//
// Labels of metrics are bounded: account, operation, kind, outcome. A credential's id is never one of them.
package observe

//go:generate go test . -run Docs -update
