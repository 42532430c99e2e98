// Package fleetsim is a year of a fleet in minutes: the real scheduler (internal/due), state machine (internal/rotation),
// limiter (internal/ratelimit) and verifier (internal/smtpauth) in virtual time, against a world that misbehaves by seed.
//
// # What is real, and what is modelled
//
// A credential, its provider and its places in Vault are a rotationtest.World, which holds the rules of docs/protocol.md
// at every change. What keyturn keeps on Redis is in memory (duetest, ratelimittest) and passes the suites of the real
// ones. The queue is a small model of what internal/queue and asynq do, as internal/queue's own tests hold it. Mail servers
// speak SMTP over TLS in memory. The outside of the engine is behind its ports, and so every port call is a moment at
// which something can go wrong.
//
// # Time
//
// A run lives in a bubble of testing/synctest: all that sleeps, sleeps in virtual time. Loops that find nothing to do rest
// longer than they would while nothing is wrong (pace.go), and go at their real pace around every fault.
//
// # The same seed, the same run
//
// Nothing is drawn from a source that several goroutines share: how long a port call takes, and whether it fails, is
// computed from the seed, who calls what, and how often it has done so. Calls do not take effect at one instant, so that
// their order does not depend on Go's scheduler. A test holds it for short runs; over a year something still slips through.
package fleetsim
