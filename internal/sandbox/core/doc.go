// Package core is what all stand-ins of providers share: it serves them, keeps their state and injects faults. It knows no
// provider; each has a package beside this one, which internal/sandbox lists.
//
// Where to find things:
//
//	config.go    what a sandbox is started with, and the data file
//	standin.go   what a stand-in says of itself: keys, limits, targets, options
//	call.go      what a provider's own half hands to service.go
//	server.go    listeners, ports, start and shutdown; build.go makes the parts
//	service.go   the way of one request: authenticate, rate limit, fault, carry out, answer
//	ledger.go    password state: live, previous, what SMTP accepts; book.go the contacts of those that mail addresses
//	store.go     the state file
//	window.go    the sliding rate limit; stats.go the counters
//	fault.go     the kinds of faults; inject.go picks them, hold.go holds replies
//	control.go   what a test or the admin API can ask of a running sandbox; admin.go the latter
//	smtp.go      submission servers; guard.go watches over their clients, ca.go makes their certificates
package core
