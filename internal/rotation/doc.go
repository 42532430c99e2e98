// Package rotation is the domain: the protocol that changes a password at a provider and brings it to consumers
// without ever losing it. It does no I/O; everything outside is behind the ports of ports.go and provider.go.
//
// # Where a run may die
//
// Every line names a port call, what a crash or a lost reply there leaves behind, and what the next run does. The test
// in crash_test.go walks all of them, each with a crash and an error before and after its effect, in every scenario.
//
//	port call          a crash or lost reply there leaves            the next run
//	limiter.take       a turn that passes unused                     starts from the beginning
//	turns.await        a journal with an unsent candidate            sends that candidate, as after journals.save
//	limiter.penalise   a limiter that learns later                   is told by its own 429
//	agenda.hold        a hold for 15 s, nothing open                 waits it out, starts from the beginning
//	journals.load      nothing new                                   starts from the beginning
//	secrets.read       nothing new                                   starts from the beginning; a read-back is repeated
//	secrets.password   nothing new                                   asks again
//	journals.save      (open) a journal with an unsent candidate     sends that candidate: a first send for the provider
//	                   (adopt) a claim by a dead run                 claims again; the version tells the runs apart
//	                   (append) a candidate that was never sent      sends it, keeps the earlier ones
//	                   (in doubt) what an unmarked journal says      treats every resumed candidate as if in doubt
//	                   (accepted) an acceptance nobody noted     sends the same again; "repeat" then means applied
//	                   (value) an intent without a value             issues again, counts a lost generation
//	                   (close) a promoted rotation, journal open     finds its id and last candidate current, closes
//	                   (late value) a promoted rotation, a value     opens a rotation for that value, in the write that
//	                   after the one that is current                 closes this one, and issues again
//	setter.set         a candidate that may be live, in the journal  sends the same again; "repeat" then means applied
//	issuer.issue       a password that nobody may hold, an intent    issues again, counts a lost generation
//	verifier.verify    nothing new                                   asks again
//	secrets.write      current with the journal's id and candidate,  reads current: closes where it is ours, else sends
//	                   or as it was                                  the same candidate again and promotes
//	agenda.park        a hold for 15 s                               waits it out
//	agenda.settle      a due time that has not moved, no event       finds the slot served, settles again
//	agenda.ask         a recheck that nobody asked for               finds recheck_at in the closed record at a rebuild
//	agenda.block       a closed breaker                              is refused and opens it
//
// What this cannot survive is a provider that lies: one that answers "repeat" to a resumed candidate that it never
// took is believed where no verifier is set, and a person who changes the password by hand at the provider is found
// by the drift check, not before.
package rotation
