package main

import (
	"errors"
	"fmt"
	"time"
)

// recoveryLimit is how long after the kill of its worker a credential may be in an unknown state.
const recoveryLimit = 45 * time.Second

// result is what was done to the fleet and what became of it.
type result struct {
	asked, rotations                       int // all that were seen to end with a promotion
	kills, redisRestarts, flushes          int
	vaultOutages, pauses                   int
	redisRefusals                          int // times without memory, or as a replica
	lags, stale                            int // of Vault's standby, and reads that got an earlier version
	amplification                          work
	lateWrites                             int // pauses after which a call landed late
	lostGenerations, driftRepairs          int
	lost, mismatched                       int
	refusedPair, refusedOverlap            int // logins with a password that was read within the grace
	strayIdentities, retired               int
	quarantined, unexplained               int
	events                                 int // that the receiver was told of
	webhooksMissing                        int // of those that still hold at the end
	lostInFlush                            int // rotations that it was not told of, and that others followed
	keyRotations, keyRefusals              int // of management keys; calls that were refused because of one
	strayKeys, keyBreakers                 int // of them that no journal knows; breakers that opened
	forged, behind                         int // messages that are not what was signed; and out of order
	restless                               int // credentials that no drift check found in order at the end
	recovered                              int // journals that a killed worker held open and another one finished
	recovery50, recovery99, recoveryLatest time.Duration
}

// String is the last line of a run.
func (r *result) String() string {
	return fmt.Sprintf("chaos rotations=%d kills=%d redis_restarts=%d flushes=%d redis_refusals=%d vault_outages=%d stale_reads=%d pauses=%d lost_generations=%d drift_repairs=%d amplification=%s lost=%d mismatched=%d quarantined=%d unexplained=%d refused_pair=%d refused_overlap=%d stray_identities=%d retired=%d events=%d webhooks_missing=%d lost_in_flush=%d key_rotations=%d key_refusals=%d stray_keys=%d",
		r.rotations, r.kills, r.redisRestarts, r.flushes, r.redisRefusals, r.vaultOutages, r.stale, r.pauses, r.lostGenerations, r.driftRepairs,
		r.amplification, r.lost, r.mismatched, r.quarantined, r.unexplained, r.refusedPair, r.refusedOverlap, r.strayIdentities, r.retired, r.events, r.webhooksMissing, r.lostInFlush, r.keyRotations, r.keyRefusals, r.strayKeys)
}

// leastKeys is how many rotations of management keys there are at least: one in ten, when each has had the time for its first.
func leastKeys(rotations int) int { return keyUsers/8 + max(0, rotations-500)/10 }

// check returns everything that may not be, by name.
func (r *result) check() error {
	var wrong []error
	atLeast := func(what string, got, want int) {
		if got < want {
			wrong = append(wrong, fmt.Errorf("%d %s, of at least %d", got, what, want))
		}
	}
	rare := share(r.rotations, 250)
	atLeast("rotations", r.rotations, r.asked)
	atLeast("kills", r.kills, share(r.rotations, 25))
	atLeast("restarts of Redis", r.redisRestarts, rare)
	atLeast("flushes of Redis", r.flushes, rare)
	atLeast("outages of Vault", r.vaultOutages, rare)
	atLeast("times that Redis refused writes", r.redisRefusals, 2*rare)
	atLeast("lags of Vault's standby", r.lags, rare)
	atLeast("stale reads", r.stale, 1)
	atLeast("pauses", r.pauses, rare)
	atLeast("late writes", r.lateWrites, 1)
	atLeast("repairs by the drift check", r.driftRepairs, 1)
	atLeast("identities retired", r.retired, 1)
	atLeast("recoveries after a kill", r.recovered, 1)
	atLeast("rotations of management keys", r.keyRotations, leastKeys(r.rotations))

	never := func(what string, got int) {
		if got > 0 {
			wrong = append(wrong, fmt.Errorf("%d %s", got, what))
		}
	}
	never("lost", r.lost)
	never("mismatched", r.mismatched)
	never("unexplained", r.unexplained)
	never("refused logins of a program that reads a pair once per grace", r.refusedPair)
	never("refused logins of a program that reads an overlap once per grace", r.refusedOverlap)
	never("identities that no journal knows", r.strayIdentities)
	never("calls refused because of a management key", r.keyRefusals)
	never("management keys that no journal knows", r.strayKeys)
	never("breakers that opened because of a management key", r.keyBreakers)
	never("events that hold and that the receiver was not told of", r.webhooksMissing)
	never("messages that are not what was signed", r.forged)
	never("rotations that were told after a later one", r.behind)
	never("not found in order by the drift check at the end", r.restless)
	if r.quarantined*100 > r.rotations {
		wrong = append(wrong, fmt.Errorf("%d in quarantine, more than one rotation in a hundred", r.quarantined))
	}
	if r.recoveryLatest > recoveryLimit {
		wrong = append(wrong, fmt.Errorf("a credential took %v to recover from the kill of its worker, longer than %v", r.recoveryLatest, recoveryLimit))
	}
	return errors.Join(wrong...)
}
