package explore

import "time"

// op is a port's method.
type op uint8

const (
	opNone op = iota
	opTake
	opAwait
	opPenalise
	opHold
	opPark
	opSettle
	opAsk
	opBlock
	opLoad
	opSave
	opDelete
	opRead
	opPassword
	opWrite
	opFence
	opSet
	opIssue
	opMint
	opList
	opRetire
	opDisable
	opEnable
	opLeave
	opMissed
	opStay
	opVerify
	opSleep
	opGenerate // no port: answered at once, and cannot fail
	opName     // nor is this
	ops
)

var opNames = [ops]string{
	"", "limiter.take", "turns.await", "limiter.penalise", "agenda.hold", "agenda.park", "agenda.settle", "agenda.ask", "agenda.block",
	"journals.load", "journals.save", "journals.delete", "secrets.read", "secrets.password", "secrets.write", "secrets.fence",
	"setter.set", "issuer.issue", "minter.mint", "minter.list", "minter.retire",
	"disabler.disable", "disabler.enable", "keys.leave", "keys.missed", "keys.stay", "verifier.verify", "clock.sleep", "generate", "name",
}

func (o op) String() string { return opNames[o] }

// call is what a run asks of a port.
type call struct {
	op       op
	dead     bool  // under a context that has ended
	detached bool  // under a context that outlives the run's
	target   uint8 // of a provider, or the login that a verifier is asked about
	value    int32 // the number of a record, an entry, a password or a reason, or a boolean
	number   int64 // a version, or a duration
}

// answer is what the port says.
type answer struct {
	failure failure
	cancel  bool // from here on the run's context has ended
	odd     bool // of an Issuer: not synced
	value   int32
	now     time.Duration
	rest    time.Duration // with busy: how long to wait
}

// failure is how a call failed.
type failure uint8

const (
	fine     failure = iota
	away             // unavailable, or the reply was lost
	stale            // rotation.ErrStale
	ended            // the context had ended before
	busy             // a *rotation.WaitError
	refusals         // and above: a provider's refusal, by Fault
)
