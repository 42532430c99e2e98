package rotation_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// refuses is a verifier whose servers have not heard of any change yet.
var refuses = judge(func(secret.Value) rotation.Verdict { return rotation.Refused })

func TestAnIssuedPasswordThatWasRefusedIsKeptWhereTheTargetThenVanishes(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Issuer(true)
	s.Credential.Verify.Propagation = 50 * time.Millisecond
	s.Verifier = refuses
	issued := 0
	w.Answer = func(c rotationtest.Call) *rotation.Error {
		if c.Op != "issuer.issue" {
			return nil
		}
		if issued++; issued == 1 {
			return nil
		}
		return &rotation.Error{Kind: rotation.Target}
	}
	k.Run(context.Background(), s, scheduled(w))
	if rec := w.Journal(); rec.State != rotation.Quarantined || issued != 2 || !holdsLive(w, rec) {
		t.Errorf("after %d calls the journal is %v with %d candidates, and the live one is not among them", issued, rec.State, len(rec.Candidates))
	}
}

// The servers may not know the password yet that an earlier send brought: that they refuse it is no proof.
func TestNothingIsPromotedUnprovenWhileAnEarlierCandidateMayBeTheLiveOne(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "setter.set" {
			return rotationtest.CrashAfter
		}
		return rotationtest.None
	}
	k.Run(context.Background(), k.Setter(true), scheduled(w))
	w.Decide = nil
	w.Advance(20 * time.Second)
	s := k.Setter(true)
	s.Credential.Verify.Propagation = 50 * time.Millisecond
	s.Verifier = refuses
	sends := 0
	s.Client.Setter = setter(func(ctx context.Context, target string, password secret.Value) error {
		if sends++; sends == 1 {
			return &rotation.Error{Kind: rotation.Rejected}
		}
		return deaf(ctx, target, password)
	})
	k.Run(context.Background(), s, rotation.Job{Reason: rotation.ReasonResume})
	if rec := w.Journal(); rec.State != rotation.Quarantined || !holdsLive(w, rec) {
		t.Errorf("after %d sends the journal is %v with %d candidates, and consumers have another password than the live one", sends, rec.State, len(rec.Candidates))
	}
}

// Where this run alone sent any of the candidates and each had an answer, those that were refused are dead.
func TestARefusalByRuleAloneDoesNotKeepWhatWasAcceptedFromConsumers(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	s.Credential.Verify.Propagation = 50 * time.Millisecond
	s.Verifier = refuses
	calls := 0
	w.Answer = func(c rotationtest.Call) *rotation.Error {
		if c.Op != "setter.set" {
			return nil
		}
		if calls++; calls == 1 {
			return &rotation.Error{Kind: rotation.Rejected}
		}
		return nil
	}
	result, _ := k.Run(context.Background(), s, scheduled(w))
	if current := w.Current(); !result.Rotated || current.Verified != rotation.VerifiedNo || !current.Password.Equal(w.Live()) {
		t.Errorf("%+v, and current is %q", result, current.Verified)
	}
	if !slices.Equal(w.Noticed, []rotation.NoticeKind{rotation.NoticeUnverified}) {
		t.Errorf("a promotion that was not verified gives the notices %q", w.Noticed)
	}
}

func holdsLive(w *rotationtest.World, rec rotation.Record) bool {
	return slices.ContainsFunc(rec.Candidates, func(c rotation.Candidate) bool { return c.Value.Equal(w.Live()) })
}

// The exploration of four faults found this: three answers of "repeat" and one rejection ended in quarantine "rule".
func TestAQuarantineByRuleNeedsRejectionsInARow(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	answers := []rotation.Kind{rotation.Repeat, rotation.Repeat, rotation.Repeat, rotation.Rejected}
	w.Answer = func(rotationtest.Call) *rotation.Error {
		if len(answers) == 0 {
			return nil
		}
		kind := answers[0]
		answers = answers[1:]
		return &rotation.Error{Kind: kind}
	}
	first, _ := k.Run(t.Context(), k.Setter(false), scheduled(w))
	if rec := w.Journal(); rec.State != rotation.Open {
		t.Fatalf("%+v; the journal is %v: %s", first, rec.State, rec.Why)
	}
	w.Advance(first.After)
	if second, _ := k.Run(t.Context(), k.Setter(false), scheduled(w)); !second.Rotated || !w.Current().Password.Equal(w.Live()) {
		t.Errorf("%+v", second)
	}
}
