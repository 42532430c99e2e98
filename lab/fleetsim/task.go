package fleetsim

import (
	"strconv"
	"time"

	"keyturn/internal/rotation"
)

// kind is what a task does.
type kind string

const (
	rotate kind = "rotate"
	check  kind = "check"
)

// taskState is where a task stands.
type taskState int

const (
	pending  taskState = iota + 1
	active             // a worker runs it
	sleeping           // until a time, after a wait or a failure
	asked              // for a later time
)

// task is one in the queue.
type task struct {
	id, cred, account string // the id is unique in its queue
	kind              kind
	urgent            bool
	job               rotation.Job
	state             taskState
	until             time.Time // while it sleeps
	failed            bool      // it sleeps after a failure
	attempt           int
	seq               uint64 // the order in which tasks became pending
	by                *process
	says              string // what its last run said, for people
	began             time.Time
}

func taskID(k kind, id string, n int) string {
	return string(k) + ":" + id + "~" + strconv.Itoa(n)
}

func queueKey(account string, urgent bool, id string) string {
	if urgent {
		return account + ".now/" + id
	}
	return account + "/" + id
}

func kindOf(reason rotation.Reason) kind {
	if reason == rotation.ReasonRecheck || reason == rotation.ReasonReplaced {
		return check
	}
	return rotate
}
