// Package httpx is the HTTP client that every provider client is built on. It sends a request once, within a hard
// time limit, and says truthfully what became of it:
//
//   - a Reply means that the provider answered; the provider client classifies it by the provider's own code;
//   - a *rotation.Error of kind NotSent means that not a byte reached the provider;
//   - everything else is a *rotation.Error of kind InDoubt.
//
// No error of this package holds a URL, a header or a body: a provider may demand its keys in the URL, and net/http
// quotes both URLs and replies in its own errors.
package httpx
