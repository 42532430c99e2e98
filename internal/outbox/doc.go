// Package outbox keeps on Redis what is still to be told elsewhere: to a webhook, by a command, by a restart. Each of them
// is a sink. An entry is an event of the stream and what it is about, its subject; the stream has the text. Entries of one
// subject leave in their order, and no subject waits for another.
//
// An entry is delivered at least once. A scheduler hands events on (dispatch.go) and remembers up to where; a worker
// delivers (drain.go) and takes the entry out after that. What cannot be delivered for a day is dead: it stays to be looked
// at, and can be sent again.
package outbox
