// Package queue carries jobs from the programs that want a rotation to the workers, on Redis. It is the only importer
// of asynq, and the only place that maps what became of a run to what asynq does with its task.
//
// # Queues and tasks
//
// An account has two queues: NAME for scheduled work and NAME.now, which is always emptied first, for what a person
// asked for and for what a dead worker left open. A task's id is made from its credential, so that one wish is queued
// once however often it is enqueued. The engine's ids are unique per queue only, and the id of a running task is
// taken; a wish that must not be swallowed by a task that already runs (on demand, and what a run asks for itself)
// therefore takes the first free of a few ids: ID, ID~1, ID~2.
//
// A wish on demand never sleeps behind an older task: it is always a new pending task with a newer slot, and once it
// stands, older demands of the same kind that wait are deleted. A resume runs a task that sleeps now. A task that waits in NAME is left there: when its turn
// comes it finds its slot served.
//
// # Outcomes
//
//	the run says          the task                                          an attempt
//	done, quarantined     ends                                              -
//	waiting               comes back after Result.After                     no
//	failed                comes back after Delay, or Result.After if longer yes
//	replaced              comes back in a second                            no
//	refused (an act)      ends                                              -
//	credential unknown    comes back for 10 minutes, then ends, reported    no
//	payload of a newer    comes back                                        no
//	payload malformed     ends, reported                                    -
//	panic                 as failed, reported                               yes
//
// Nothing is ever archived: an archived task would hold its id for 90 days.
//
// # Where to find things
//
//	names.go      queues and task ids; package redisx has the connection and the names of our own keys
//	payload.go    what a task carries, read as hostile input
//	client.go     enqueueing;  stats.go  counting;  outcome.go  what --wait follows
//	server.go     what serves all accounts;  post.go  one account: a server of asynq's comes with the work and goes
//	hear.go       how a worker hears of work: doorbell.go, and a sweep of all accounts
//	ahead.go      one look at both queues, and what the end of a task brings;  left.go  what it takes along
//	look.go       how an account stands;  late.go  why that is not known;  door.go  what a server has in hand;  run.go  one run of one task
//	retry.go      delays and the text that Redis gets to see;  forward.go  the end of a delay
//	clock.go      Redis's time;  guard.go  a Redis that refuses, or is away at the end
//	breaker.go    an account whose key was refused;  housekeeping.go  ghosts and lost queue names
//	agenda.go     rotation.Agenda over index, client and breaker
package queue
