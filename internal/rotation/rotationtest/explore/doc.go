// Package explore runs the real state machine through every schedule of faults up to a depth: two workers, one
// credential, and a model of everything that they touch.
//
// # How a run is held still
//
// A run is a deterministic function of what its ports answered. So a run in progress is nothing but the list of these
// answers: performed once more from its start it comes to the same next call, which script.go finds out once and
// remembers. No goroutine is ever blocked, no wall clock is read, and a state of the whole world (state.go) is a small
// comparable value: what stands at the provider, in Vault and in Redis, and the two runs.
//
// # What is enumerated
//
// At every port call of every run: each fault of fault.go that this call can suffer, and each way in which the other
// worker may come in between. Every one of them costs one of the depth. What costs nothing is what a queue does by
// itself: a run goes on until it ends; what it asked for, what came back and what a crash left is run when its time
// comes; a process that was stopped wakes whenever no other process is at work, however late. So a schedule goes on
// until all is quiet. What other runs asked for, to heal, suffers no faults unless Exploration.Everywhere says so; a
// stopped process may wake between its steps all the same.
//
// Vault may have nodes that lag by one write (Stale), for one call or for ten seconds: such a node shows the version before
// the newest, and it refuses a check-and-set on the newest, because it checks against its own copy first. One on an older
// version it passes on, and the active node refuses it. A verifier may fall sick for a while (Sick).
//
// A state that was reached before with as many faults to spend is not followed again. States are told apart by a
// 64-bit hash, and after renaming (normal.go), which Exploration.Exact turns off.
//
// # What is left out
//
// Between runs, time is a whole number of ticks. A process that was stopped finds the contexts that it had made still
// alive, where their time-outs may have passed: a late call is worse than one that is refused. A late request is given up
// after lateness. A provider lies in two ways only: "repeat" without reason, and an acceptance without effect. The
// password is never changed by hand, and no older state of Vault is restored. A node lags by one write.
//
// # What is checked
//
// The rules of docs/protocol.md at every step, and that it ends well: see rules.go and check.go. With Strict, a quarantine
// needs one of the causes of cause.go: the provider or the verifier did what it must not, or refused for good. A state that
// comes again without a fault is a circle, which breaks P-bounded.
//
// # What is printed
//
// A violation is a Schedule: the mode and the faults, each with the call that it strikes. As text it is what a file of
// internal/rotation/testdata holds, and Schedule.Replay follows it on the machine as it is now.
package explore
