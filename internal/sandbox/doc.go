// Package sandbox serves stand-ins of the providers' APIs and of their SMTP submission servers, for the demo, the tests
// and whoever wants to try a configuration. They keep real password state, check signatures, enforce the providers'
// rules and rate limits, and inject faults on request.
//
// It shares no code with the clients on purpose: it reads the providers' documentation a second time, so that a
// misreading on one side shows as a refusal on the other.
//
// Where to find things:
//
//	config.go    what a sandbox is started with, and the data file
//	server.go    listeners, ports, start and shutdown; build.go makes the parts
//	provider.go  the table of the stand-ins: keys, limits, targets
//	service.go   the way of one request: authenticate, rate limit, fault, carry out, answer
//	call.go      what a provider's own half hands to service.go
//	ledger.go    password state: live, previous, what SMTP accepts; password.go the rules
//	store.go     the state file
//	window.go    the sliding rate limit; stats.go the counters
//	fault.go     the kinds of faults; inject.go picks them, hold.go holds replies
//	control.go   what a test or the admin API can ask of a running sandbox; admin.go the latter
//	smtp.go      submission servers; ca.go their certificates
//	tencent.go, kirim.go, directmail.go, enom.go, contacts.go   one provider each; enomform.go eNom's three formats
//	tc3.go, acs3.go   signatures; alibaba.go what the two Alibaba stand-ins share
package sandbox
