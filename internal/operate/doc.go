// Package operate is what an operator can know and do: typed requests and results, with JSON, for whoever asks on an
// operator's behalf. It prints nothing and reads no flags; progress is a callback, and every error has a Kind.
//
// A Desk answers. It asks Vault and Redis through ports, so that each request needs only what it is about: a request that
// finds its port missing says so. What touches a journal or calls a provider goes through Acts.
package operate
