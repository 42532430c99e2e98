package queue

import (
	"errors"
	"fmt"
	"strings"

	"keyturn/internal/rotation"
)

// Kind is what a job does.
type Kind string

// The kinds of job.
const (
	KindRotate   Kind = "rotate"   // rotate a credential
	KindCheck    Kind = "check"    // ask whether the password in Vault still works
	KindRetire   Kind = "retire"   // take away identities that are of no use any more
	KindHold     Kind = "hold"     // let those that wait stay for another grace, on demand alone
	KindContacts Kind = "contacts" // ask contacts to confirm their address
	KindTell     Kind = "tell"     // deliver what waits in an outbox; its queue is a sink's, and not an account's

	// What a person asks for at a journal, on demand alone.
	KindRelease Kind = "release" // take a credential out of quarantine
	KindRetry   Kind = "retry"   // release it, and rotate it
	KindRecover Kind = "recover" // find the password that works and promote it, or have a new one set
	KindAbandon Kind = "abandon" // close its journal and forget its candidates

	// What a person asks for about no credential, on demand alone.
	KindFreeze Kind = "freeze" // write a change freeze, or end one
)

func (k Kind) known() bool {
	return k == KindRotate || k == KindCheck || k == KindRetire || k == KindHold || k == KindContacts || k == KindTell || k == KindFreeze || k.act()
}

// act tells whether a person asks for it at a journal.
func (k Kind) act() bool {
	return k == KindRelease || k == KindRetry || k == KindRecover || k == KindAbandon
}

// calls tells whether such a job calls the provider or asks a verifier.
func (k Kind) calls() bool {
	return k != KindRelease && k != KindAbandon && k != KindHold && k != KindTell && k != KindFreeze
}

// version is that of the payloads in which such a job is written. A new kind raises it, so that a program that does not
// know the kind leaves the job for a newer one.
func (k Kind) version() int {
	switch {
	case k.act():
		return 2
	case k == KindRetire:
		return 4
	case k == KindHold:
		return 5
	case k == KindTell:
		return 6
	case k == KindFreeze:
		return 7
	default:
		return 1
	}
}

// kindOf is the kind of job that a reason asks for.
func kindOf(reason rotation.Reason) Kind {
	switch reason {
	case rotation.ReasonRecheck, rotation.ReasonReplaced:
		return KindCheck
	case rotation.ReasonRetire:
		return KindRetire
	default:
		return KindRotate
	}
}

// ErrName is an account or id that cannot stand in a Redis key.
var ErrName = errors.New("name must be 1 to 128 of a-z, 0-9, . _ - @")

const nowSuffix = ".now"

// checkAccount refuses names that would break a key or that another account's urgent queue already has.
func checkAccount(account string) error {
	if !rotation.ValidID(account) || isNow(account) {
		return fmt.Errorf("account %q: %w, and must not end in %s", account, ErrName, nowSuffix)
	}
	return nil
}

// nowQueue is the queue of an account that is always emptied first.
func nowQueue(account string) string { return account + nowSuffix }

// isNow tells whether a queue is that of an account that is always emptied first.
func isNow(queue string) bool { return strings.HasSuffix(queue, nowSuffix) }

func queuesOf(account string) []string { return []string{nowQueue(account), account} }

// maxTwins bounds how many tasks of one wish may stand in one queue: one that runs for each worker that does, and one
// that waits.
const maxTwins = 8

// taskID is the nth of the ids that tasks of one wish may have. '~' and ':' stand in no credential's id.
func taskID(kind Kind, id string, n int) string {
	if kind != KindRotate {
		id = string(kind) + ":" + id
	}
	if n > 0 {
		id = fmt.Sprintf("%s~%d", id, n)
	}
	return id
}

// engineKey is one of asynq's own keys. Its names are part of its storage format and have not changed since 0.18; a
// test holds them.
func engineKey(queue, name string) string { return "asynq:{" + queue + "}:" + name }

const engineQueues = "asynq:queues"
