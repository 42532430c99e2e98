package main

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/devenv"
)

func TestOnlyAnIssuersPasswordThatWasNeverShownIsNotCalledLost(t *testing.T) {
	t.Parallel()
	rec := func(state string, made ...devenv.Candidate) devenv.Journal {
		return devenv.Journal{State: state, Candidates: made}
	}
	issuer, setter := credential{}, credential{}
	issuer.Provider, setter.Provider = "kirimemail", "tencent-ses"
	intent, shown := devenv.Candidate{State: "intent"}, devenv.Candidate{State: "accepted", Value: "x"}
	for _, test := range []struct {
		cred credential
		rec  devenv.Journal
		want bool
	}{
		{issuer, rec("quarantined", intent), true},
		{issuer, rec("quarantined", intent, devenv.Candidate{State: "dead"}), true},
		{issuer, rec("quarantined", shown), false},
		{issuer, rec("quarantined", devenv.Candidate{State: "dead"}), false},
		{issuer, rec("open", intent), false},
		{setter, rec("quarantined", intent), false},
	} {
		if got := unseen(test.cred, test.rec); got != test.want {
			t.Errorf("%s, %+v: %v", test.cred.Provider, test.rec, got)
		}
	}
}

// good is a result that passes, just.
func good() result {
	return result{
		asked: 500, rotations: 500, kills: 20, redisRestarts: 2, flushes: 2, vaultOutages: 2, pauses: 2, lateWrites: 1,
		redisRefusals: 4, lags: 2, stale: 1, driftRepairs: 1, quarantined: 5, recovered: 1, recoveryLatest: recoveryLimit,
		retired: 1, keyRotations: 5,
	}
}

func TestResultPassesOnlyWithEveryFigureInOrder(t *testing.T) {
	t.Parallel()
	if r := good(); r.check() != nil {
		t.Fatal(r.check())
	}
	for name, spoil := range map[string]func(*result){
		"rotations":                                    func(r *result) { r.asked++ },
		"reads a pair":                                 func(r *result) { r.refusedPair++ },
		"reads an overlap":                             func(r *result) { r.refusedOverlap++ },
		"no journal knows":                             func(r *result) { r.strayIdentities++ },
		"identities retired":                           func(r *result) { r.retired-- },
		"rotations of management keys":                 func(r *result) { r.keyRotations-- },
		"refused because of a management key":          func(r *result) { r.keyRefusals++ },
		"management keys that no journal knows":        func(r *result) { r.strayKeys++ },
		"breakers that opened because of a management": func(r *result) { r.keyBreakers++ },
		"kills":                func(r *result) { r.kills-- },
		"kills of all":         func(r *result) { r.rotations++ },
		"restarts of Redis":    func(r *result) { r.redisRestarts-- },
		"flushes":              func(r *result) { r.flushes-- },
		"outages of Vault":     func(r *result) { r.vaultOutages-- },
		"Redis refused writes": func(r *result) { r.redisRefusals-- },
		"lags of Vault":        func(r *result) { r.lags-- },
		"stale reads":          func(r *result) { r.stale-- },
		"pauses":               func(r *result) { r.pauses-- },
		"late writes":          func(r *result) { r.lateWrites-- },
		"repairs by the drift": func(r *result) { r.driftRepairs-- },
		"after a kill":         func(r *result) { r.recovered-- },
		"to recover":           func(r *result) { r.recoveryLatest += time.Millisecond },
		"lost":                 func(r *result) { r.lost++ },
		"mismatched":           func(r *result) { r.mismatched++ },
		"unexplained":          func(r *result) { r.unexplained++ },
		"in quarantine":        func(r *result) { r.quarantined++ },
		"not told of":          func(r *result) { r.webhooksMissing++ },
		"what was signed":      func(r *result) { r.forged++ },
		"after a later one":    func(r *result) { r.behind++ },
		"found in order":       func(r *result) { r.restless++ },
	} {
		r := good()
		spoil(&r)
		if err := r.check(); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(name, " of all")) {
			t.Errorf("%s out of order: %v", name, err)
		}
	}
}

func TestResultsLastLine(t *testing.T) {
	t.Parallel()
	r := result{
		rotations: 1, kills: 2, redisRestarts: 3, flushes: 4, vaultOutages: 5, pauses: 6, lostGenerations: 7, driftRepairs: 8,
		lost: 9, mismatched: 10, quarantined: 11, unexplained: 12, redisRefusals: 13, stale: 14, amplification: work{1, 2, 3, 4},
		refusedPair: 15, refusedOverlap: 16, strayIdentities: 17, retired: 18, events: 19, webhooksMissing: 20, lostInFlush: 21,
		keyRotations: 22, keyRefusals: 23, strayKeys: 24,
	}
	const want = "chaos rotations=1 kills=2 redis_restarts=3 flushes=4 redis_refusals=13 vault_outages=5 stale_reads=14 pauses=6 " +
		"lost_generations=7 drift_repairs=8 amplification=1/2/3/4 lost=9 mismatched=10 quarantined=11 unexplained=12 refused_pair=15 refused_overlap=16 stray_identities=17 retired=18 events=19 webhooks_missing=20 lost_in_flush=21 key_rotations=22 key_refusals=23 stray_keys=24"
	if got := r.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOnlyTheInjectedCauseExplainsAQuarantine(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000_000, 0)
	known := tally{causes: map[string]cause{"a": {why: "target:", since: at}}}
	for name, c := range map[string]struct {
		id, why string
		since   time.Time
		want    bool
	}{
		"that cause":         {"a", "target: unknown", at.Add(time.Second), true},
		"another reason":     {"a", "two runs promoted", at.Add(time.Second), false},
		"before the cause":   {"a", "target: unknown", at.Add(-time.Second), false},
		"another credential": {"b", "target: unknown", at.Add(time.Second), false},
	} {
		if got := known.explains(credential{Credential: devenv.Credential{ID: c.id}}, devenv.Journal{Why: c.why, Since: c.since}); got != c.want {
			t.Errorf("%s: explained %v", name, got)
		}
	}
}

func TestACredentialIsCondemnedOnce(t *testing.T) {
	t.Parallel()
	tally := &tally{causes: map[string]cause{}}
	seen := map[string]bool{}
	for {
		c, ok := tally.condemnable(fleet(), "alibaba-directmail", 4, "rule:")
		if !ok {
			break
		}
		if seen[c.ID] || c.Quiet || c.Second != "" {
			t.Fatalf("%s, after %v", c.ID, seen)
		}
		seen[c.ID] = true
	}
	want := 0
	for _, c := range fleet() {
		if c.Provider == "alibaba-directmail" && !c.Quiet && c.strategy() == "replace" {
			want++
		}
	}
	if len(seen) != want || want < 3 {
		t.Errorf("%d credentials, want all %d that rotate all the time and have one target", len(seen), want)
	}
}
