package redisx

import "strings"

// All keys of keyturn begin with "keyturn:". Those of an account are in the hash slot of its queue, so that one script may
// touch several of them, asynq's own included, and a cluster may hold many accounts. Times are unix ms by Redis's clock.
const prefix = "keyturn:"

// Keys that belong to no account.
const (
	Ready      = prefix + "ready"      // written to find out whether Redis takes writes
	Sweeping   = prefix + "sweeping"   // string: the lease of the scheduler that sweeps
	Schedulers = prefix + "schedulers" // sorted set: scheduler and fingerprint of its configuration → when it was last seen
	Events     = prefix + "events"     // stream: what happened, capped
	Doorbell   = prefix + "doorbell"   // stream: accounts that were given something to do, capped
	Freezes    = prefix + "freezes"    // hash: store → the freezes that stand there, for people

	// What is told elsewhere (internal/outbox).

	Told       = prefix + "told"       // string: the event up to which all have been handed on
	Telling    = prefix + "telling"    // string: the lease of the scheduler that hands events on
	Commanding = prefix + "commanding" // string: there while a worker runs commands
	Unserved   = prefix + "unserved"   // string: since when commands have waited for such a worker, or that it was said
)

// Names of keys of an account, for Key.
const (
	// The index of due times (internal/due).

	Due        = "due"        // sorted set: credential → when it is due
	Claimed    = "claimed"    // hash: credential that was claimed and has not ended → its slot
	Open       = "open"       // sorted set: credential → when its open journal is resumed
	Quarantine = "quarantine" // hash: credential → why
	Retiring   = "retiring"   // sorted set: credential → when the first of its identities that wait is retired
	Epoch      = "epoch"      // string: set once the account's part is built; gone where Redis was emptied
	Building   = "building"   // string: the lease of the scheduler that builds it
	Shown      = "shown"      // hash: credential → what people are shown of its password: version, instant, how it was verified
	Doubt      = "doubt"      // hash: credential whose open journal is in doubt → since when
	Unrotated  = "unrotated"  // set: credentials that have no password yet; none that is in quarantine
	Gone       = "gone"       // set: credentials whose password was deleted by hand; none that is in quarantine
	Refused    = "refused"    // set: credentials whose last check was refused; none that is in quarantine
	Tally      = "tally"      // hash: hour of two days → what workers counted in it, and when a check was refused last; for people
	Checked    = "checked"    // hash: credential → when it was checked last, and the verdict

	// The queue (internal/queue).

	Breaker = "breaker" // hash: the account's breaker; breaker.lua has its fields
	Blocked = "blocked" // sorted set, also of the urgent queue: tasks that sleep because of the breaker → slot
	Failing = "failing" // sorted set: tasks of rotations that failed → until when they sleep

	// What is told elsewhere (internal/outbox): of a webhook, a command or the restarts, in place of an account.

	Outbox = "outbox" // sorted set: what it is about and the event, in the order of both; all scores are 0
	Dead   = "dead"   // sorted set: the same, of what could not be delivered → since when
	Causes = "causes" // hash: of what is in dead → why

	// Management keys that rotate (internal/keyuse).

	Calling = "calling" // hash: per credential, which key each worker calls with, and which are about to be disabled

	// The limiter (internal/ratelimit).

	Limit = "limit" // hash: what the account's calls keep to; take.lua has its fields
)

// Console is what consoles keep together for a while: sessions, and requests that may be sent again.
func Console(name string) string { return prefix + "console:" + name }

// Key is a key of an account.
func Key(account, name string) string { return prefix + "{" + account + "}:" + name }

// Hold is a string: there while a run works on a credential.
func Hold(account, credential string) string { return Key(account, "hold:"+credential) }

// Round is a string: the point at which a credential was last enqueued for what recurs.
func Round(account, kind, credential string) string {
	return Key(account, "round:"+kind+":"+credential)
}

// Contacts is a hash of a contact verification: address → what became of it.
func Contacts(account, job string) string { return Key(account, "contacts:"+job) }

// Turn is a string: there while something is being delivered that is about a subject, and in the pause after a failure.
func Turn(account, subject string) string { return Key(account, "turn:"+subject) }

// Outcome is a hash: how a demand that is waited for ended.
func Outcome(account, task string) string { return Key(account, "outcome:"+task) }

// Unknown is a string: since when jobs name a credential that the configuration does not have.
func Unknown(account, credential string) string { return Key(account, "unknown:"+credential) }

// MailServer is a key of a mail server's budget: asked, booked, booked:until, works, refused and alone, all in one hash
// slot; server.lua says what they hold.
func MailServer(address, name string) string {
	return prefix + "{smtp:" + strings.ToLower(address) + "}:" + name
}
