// Package operate is what an operator can know and do: typed requests and results, with JSON, for a program that asks
// on an operator's behalf. It prints nothing and reads no flags; progress is a callback, and every error has a Kind.
//
// A Desk answers. It asks Vault and Redis through ports, so that each request needs only what it is about. A process without
// rights in Vault leaves Truth and Adopter out, and has Jobs for Acts: then a worker does what touches a journal. Requests
// that need those rights say so by the kind Unable.
package operate
