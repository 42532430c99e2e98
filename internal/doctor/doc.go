// Package doctor looks at everything that a configuration depends on, and says of each thing whether it is as it must be:
// what was found, why it matters, and what to do. It changes nothing, shows no secret, and one thing that does not answer
// hides no other.
//
// It judges what the adapters tell. What a process checks at its start is checked here by the same code.
package doctor
