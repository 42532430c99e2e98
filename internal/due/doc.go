// Package due keeps, on Redis, when each credential is due, which journals are open and which credentials are in
// quarantine; and it runs the scheduler over them. All of it only mirrors Vault and the configuration: what Redis loses
// is rebuilt.
//
// # From due to done
//
// Claiming takes what is due, the longest overdue first, and puts it off by a few minutes under the same script, so that
// a scheduler that dies between claim and enqueue loses nothing but those minutes. What is claimed again keeps the slot
// of the first claim: if that was served after all, the second finds it served, and no password changes twice. A slot
// ends with Settle, which moves the due time. However many slots a credential missed, it is enqueued once, for the last of
// them.
//
// # When Redis was emptied
//
// The account's epoch key is gone with everything else. One scheduler takes the building lease and reads, first, all
// journals of a store, so that what a crash left open is resumed before anything new begins; then the age of every secret. A
// credential is in the index as soon as it was read, and is never scheduled on a guess: a guessed due time would
// rotate early. The lease is gone if Redis is emptied once more, and then the epoch is not set.
//
// # Neighbours
//
// Each account's part of the index is brought up by itself, and each store is read by itself: what is wrong with one, or
// slow, delays no other. A credential that cannot be read keeps the due time that it had; it is read again after a pause
// of a minute at most, a tenth of what waits at a time, and counted by a metric.
//
// A scheduler announces its configuration before it adds anything, and nothing is taken out of the index before all that
// live have the same: so none takes out what another one has just added.
//
// # Sweeping
//
// One scheduler at a time walks through all credentials, each store's at a fixed small rate, and corrects what differs
// from Vault: a settling that was lost, a journal that no run resumed, a schedule changed while no scheduler ran.
package due
