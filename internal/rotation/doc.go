// Package rotation is the domain: the protocol that changes a password at a provider and brings it to consumers
// without ever losing it. It does no I/O; everything outside is behind the ports of ports.go and provider.go.
//
// # The rules
//
// In short; docs/protocol.md has them in full, with the states of a journal, what an answer and a verdict mean, and
// the bounds. Code, explorer and docs cite them by name.
//
//	P-journal-first  a candidate is in the journal in Vault before the call that sends it; an Issuer's call has an intent
//	P-keep           a candidate leaves the journal only when it is current, or proven not live
//	P-proven         consumers read only what the provider accepted, and the verifier saw work; exceptions are marked
//	P-one-open       one rotation of a credential at most; only the holder of the newest version writes
//	P-fence          check-and-set is mutex and fence of journal and current; an adopter claims, then fences current
//	P-ours           promoted means: current carries our rotation id and our last candidate
//	P-shown          what an Issuer shows is journalled before anything else, and outlives cancellation
//	P-secret         no secret outside of Vault, the provider and memory
//
//	P-append-only    candidates are appended, never replaced or removed; the last one is sent
//	P-claim          a send or a promotion needs a claim that was written within 5 s
//	P-fresh          only the answer to a run's own first send of its own candidate proves that nothing changed
//	P-answers        what an answer of the provider does is one table
//	P-verdict        what a verdict does is one table; only a believed refusal moves anything
//	P-base           comparisons with the base use the version and password in the journal
//	P-stale-read     a read may be old: versions that cannot go back, or a write, decide
//	P-promote        after a mismatch: read current, then the journal, then compare with the base, then write again
//	P-resume         an open journal is always resumed; a promoted one is closed, never sent again
//	P-served         a wish is granted only by a rotation that is not older
//	P-close          a close is a write without secrets, never a deletion
//	P-recheck        after an adoption, a doubt or a loss of the claim: look again once no late call can arrive
//	P-interval       two rotations are further apart than a late call can live
//	P-drift          a check never writes current
//	P-intent         an Issuer's rotation promotes the one value of its last intent
//	P-policy         a policy that changed does not touch an open rotation's candidate
//	P-adopt          a password set by a person enters only by adoption, under the journal's claim
//	P-quarantine     a state of the journal, with a cause that a person can find
//	P-live           when all is quiet, consumers read the live password
//	P-bounded        a wish causes a bounded amount of work
//
//	P-pair-live      of a pair, what current holds logs in at every moment
//	P-pair-target    the opening write fixes the target: the one that current does not name
//	P-pair-quiet     nothing is proven while a late call could undo it
//	P-pair-proven    nothing is promoted unproven where a verifier is set
//	P-pair-guard     a target that a person put back is not changed any more
//	P-pair-late      what an Issuer shows after its rotation is over is dropped
//	P-pair-grace     no rotation starts within the grace, but repairs and forced demands
//
//	P-overlap-live   of identities that follow each other, the one that current names logs in at every moment
//	P-overlap-ours   an identity is ours by its label, or at a target that is ours alone
//	P-overlap-named  nothing is retired that current names or an open journal holds
//	P-overlap-kept   what was there before keyturn is never retired
//	P-overlap-listed what is retired stands under retire in Vault first
//	P-overlap-guard  a rotation that a person's switch has overtaken ends, and another one follows
//	P-overlap-own    a run that lost its claim retires what it made, if the journal does not know it
//	P-overlap-grace  what consumers used is retired when the grace is over
//	P-overlap-phases where a provider can, what consumers had is disabled for a while before it is taken away, never the last
//	P-overlap-keys   a management key is disabled only when every process that is heard of calls with another
//	P-overlap-quiet  when all is quiet, there is no identity that no journal knows
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
//	                   (accepted) an acceptance not on record    sends the same again; "repeat" then means applied
//	                   (value) an intent without a value             issues again, counts a lost generation
//	                   (quiet) a wait that starts again              waits a whole recheck time
//	                   (to retire) what is unknown, noted            retires it when it is due
//	                   (held) identities that stay longer, noted     retires them when that is over
//	                   (disabling) one that may be disabled, noted   disables it again
//	                   (disabled) one that is, until when, noted     disables it again, and counts from then
//	                   (enabled) one that is accepted, and waits     waits for another grace
//	                   (retired) identities that are gone, noted     retires them again: gone is as good
//	                   (close) a promoted rotation, journal open     finds its id and last candidate current, closes
//	                   (late value) a promoted rotation, a value     opens a rotation for that value, in the write that
//	                   after the one that is current                 closes this one, and issues again
//	setter.set         a candidate that may be live, in the journal  sends the same again; "repeat" then means applied
//	issuer.issue       a password that may be lost, an intent        issues again, counts a lost generation
//	minter.mint        an unknown identity, an intent                finds it by its label, and retires it
//	minter.list        nothing new                                   lists again
//	minter.retire      an identity that is gone, or not              retires it again: gone is as good
//	disabler.disable   an identity that is refused, or not, noted    disables it again: disabled is as good
//	disabler.enable    one that is accepted again, or not, noted     enables it again
//	keys.leave         a key that no process begins to call with     asks again
//	keys.missed        nothing new                                   asks again
//	keys.stay          a key that no process takes up yet            says it again
//	verifier.verify    nothing new                                   asks again
//	secrets.write      current with the journal's id and candidate,  reads current: closes where it is ours, else sends
//	                   or as it was                                  the same candidate again and promotes
//	secrets.fence      current as it was, or its next version        claims and fences again
//	                   (pair, at the opening) an unsent candidate    adopts the journal and sends it
//	agenda.park        a hold for 15 s                               waits it out
//	agenda.settle      a due time that has not moved, no event       finds the slot served, settles again
//	agenda.ask         an open journal, as current has it, and no    finds the rotation promoted, asks for the recheck
//	                   recheck                                       and closes
//	agenda.block       a closed breaker                              is refused and opens it
//	notices.note       a notice that was not delivered               gives it again where it finds the same
//
// What this cannot survive is a provider that lies: one that answers "repeat" to a resumed candidate that it never
// took is believed where no verifier is set, and a person who changes the password by hand at the provider is found
// by the drift check, not before.
package rotation
