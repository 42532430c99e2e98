package rotation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

func TestWhatWaitsIsRetiredAfterTheStrategyHasChangedAndOnlyWhereItWasMade(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"acme", "other"} {
		w, k, s, c := overlapping(true)
		k.Run(t.Context(), s, scheduled(w))
		replaced := *s.Credential
		replaced.Overlap, replaced.Account = nil, account
		s.Credential = &replaced
		s.Client.Setter = k.Setter(true).Client.Setter
		w.Advance(rotationtest.Grace / 2)
		if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
			t.Fatalf("%+v", result)
		}
		if rec := w.Journal(); len(rec.Identities.Retire) != 2 || rec.Identities.Used != "" {
			t.Fatalf("the journal has %+v", rec.Identities)
		}
		w.Advance(2 * rotationtest.Grace)
		c.take()
		k.Run(t.Context(), s, retire)
		want := "retire identity-0, retire identity-1"
		if account != "acme" {
			want = ""
		}
		if got := c.take(); got != want {
			t.Errorf("account %s: %q, want %q", account, got, want)
		}
	}
}

// Elsewhere the provider says that it is gone, and it is not.
func TestAnIdentityIsRetiredAtTheTargetWhereItWasMade(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	moved := *s.Credential
	moved.Target = "elsewhere"
	s.Credential = &moved
	w.Advance(rotationtest.Grace)
	if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
		t.Fatalf("%+v", result)
	}
	for range 2 {
		w.Advance(2 * rotationtest.Grace)
		k.Run(t.Context(), s, retire)
	}
	at := *c.targets
	if at["identity-0"] != "alerts@example.com" || at["identity-1"] != "alerts@example.com" {
		t.Errorf("they were retired at %q", at)
	}
	k.Run(t.Context(), s, scheduled(w))
	w.Advance(2 * rotationtest.Grace)
	k.Run(t.Context(), s, retire)
	if at["identity-2"] != "elsewhere" {
		t.Errorf("the one that was made there was retired at %q", at["identity-2"])
	}
}

func TestWhatCannotBeRetiredByTheAccountsClientIsTold(t *testing.T) {
	t.Parallel()
	w, k, s, _ := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	s.Client.Minter = nil
	w.Advance(2 * rotationtest.Grace)
	if result, _ := k.Run(t.Context(), s, retire); result.Status != rotation.Waiting || result.Err == nil {
		t.Errorf("%+v", result)
	}
}

// It would list with each of its returns, and take the turns that rotations need.
func TestACheckThatComesBackListsNothing(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
		return rotation.Unknown, &rotation.WaitError{After: time.Minute}
	})
	c.take()
	if result, _ := k.Run(t.Context(), s, look); result.Status != rotation.Waiting || c.take() != "" {
		t.Errorf("%+v", result)
	}
}

// Three identities did not log in; a person who has mended the verifier's server asks for another.
func TestRecoverMakesOneMoreIdentity(t *testing.T) {
	t.Parallel()
	w, k, s, _ := overlapping(true)
	right := s.Verifier
	s.Credential.Verify.Propagation = time.Second
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) { return rotation.Refused, nil })
	job := scheduled(w)
	for range 20 {
		if result, _ := k.Run(t.Context(), s, job); result.Status == rotation.Ended {
			break
		}
		w.Advance(time.Minute)
	}
	if w.Journal().State != rotation.Quarantined {
		t.Fatalf("%+v", w.Journal())
	}
	current := w.Current().Password
	s.Verifier = answers(func(login string, v secret.Value) (rotation.Verdict, error) {
		if v.Equal(current) {
			return rotation.Refused, nil
		}
		return right.Verify(t.Context(), login, v)
	})
	result := k.Machine().Recover(t.Context(), s, rotation.Job{Reason: rotation.ReasonDemand}, nil)
	if result.Status != rotation.Done || w.Current().Password.Equal(current) {
		t.Errorf("%+v", result)
	}
}

// It has not begun then: what is there is still a person's, whatever becomes of the quarantine.
func TestAnOverlapThatFindsTooManyHasNotBegun(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	w.DeleteJournal()
	for range 1001 {
		_, _ = c.Minter.Mint(t.Context(), "", rotation.Label{})
	}
	w.Violations = nil
	w.Advance(time.Hour)
	if result, _ := k.Run(t.Context(), s, scheduled(w)); result.Status != rotation.Ended {
		t.Fatalf("%+v", result)
	}
	if err := k.Machine().Release(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	c.take()
	w.Advance(rotationtest.Grace)
	k.Run(t.Context(), s, look)
	if got, rec := c.take(), w.Journal(); got != "" || len(rec.Identities.Retire) > 0 {
		t.Errorf("%s, and %d wait to be retired", got, len(rec.Identities.Retire))
	}
}

// An instant that is too far away was written under a longer grace, or by a clock that was ahead.
func TestAGraceThatWasLongerIsShortenedAndNotEnded(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	shorter := *s.Credential.Overlap
	shorter.Grace = rotationtest.Grace / 5
	s.Credential.Overlap = &shorter
	w.Advance(2 * time.Minute)
	k.Run(t.Context(), s, scheduled(w))
	c.take()
	k.Run(t.Context(), s, look)
	if got := c.take(); got != "list" {
		t.Errorf("at once: %s", got)
	}
	w.Advance(shorter.Grace)
	k.Run(t.Context(), s, look)
	if got := c.take(); got != "list, retire identity-0, retire identity-1" {
		t.Errorf("after the shorter grace: %s", got)
	}
}

// It may be that of any identity.
func TestNothingIsRetiredWhileAPersonsSecretNamesNoIdentity(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	w.WriteCurrentByHand(rotationtest.Old) // that of identity-0, which waits
	w.Advance(2 * rotationtest.Grace)
	c.take()
	k.Run(t.Context(), s, retire)
	if got := c.take(); got != "" {
		t.Errorf("%s", got)
	}
}

func TestAnOverlapAdoptsNoPassword(t *testing.T) {
	t.Parallel()
	w, k, s, _ := overlapping(true)
	w.Advance(time.Hour)
	err := k.Machine().Adopt(t.Context(), s, scheduled(w), rotation.Live{Password: rotationtest.Old})
	if !errors.Is(err, rotation.ErrMadeByProvider) {
		t.Errorf("%v", err)
	}
}

func TestTheOldPasswordIsAskedAboutByItsOwnLogin(t *testing.T) {
	t.Parallel()
	w, k, s, _ := overlapping(true)
	e := w.Current()
	e.Username = "before"
	if err := k.Machine().Secrets.Write(t.Context(), rotation.Place{}, e); err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	s.Credential.Verify.Propagation = time.Second
	s.Verifier = answers(func(login string, v secret.Value) (rotation.Verdict, error) {
		asked[login] = asked[login] || v.Equal(rotationtest.Old)
		return rotation.Unbelieved, nil
	})
	k.Run(t.Context(), s, scheduled(w))
	if !asked["before"] || asked["user"] {
		t.Errorf("the old password was asked about as %v", asked)
	}
}

func TestAFailingListKeepsNoCheckFromItsAnswer(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	c.refused = &rotation.Error{Kind: rotation.Unavailable}
	s.Client.Minter = c
	result, _ := k.Run(t.Context(), s, look)
	if result.Status != rotation.Unresolved || !errors.Is(result.Err, c.refused) {
		t.Errorf("%+v", result)
	}
}

func TestOneRunRetiresAFewAndStopsAtARefusal(t *testing.T) {
	t.Parallel()
	w, k, s, c := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	for range 9 {
		_, _ = c.Minter.Mint(t.Context(), "", rotation.Label{})
	}
	w.Violations = nil
	k.Run(t.Context(), s, look)
	w.Advance(2 * rotationtest.Grace)
	c.take()
	k.Run(t.Context(), s, retire)
	if got := c.take(); strings.Count(got, "retire") != 5 {
		t.Errorf("%s", got)
	}
	c.refused = &rotation.Error{Kind: rotation.RateLimited}
	s.Client.Minter = c
	k.Run(t.Context(), s, retire)
	if got := c.take(); strings.Count(got, "retire") != 1 {
		t.Errorf("after a refusal: %s", got)
	}
}

func TestAPersonWhoRetiresIsToldWhatWasNot(t *testing.T) {
	t.Parallel()
	now := rotation.Job{Reason: rotation.ReasonRetire, RequestedBy: "ann", Force: true}
	w, k, s, c := overlapping(true)
	k.Run(t.Context(), s, scheduled(w))
	c.refused = &rotation.Error{Kind: rotation.Unavailable}
	s.Client.Minter = c
	if result, _ := k.Run(t.Context(), s, now); result.Status != rotation.Unresolved {
		t.Errorf("refused: %+v", result)
	}
	c.refused = nil
	s.Client.Minter = c
	if result, _ := k.Run(t.Context(), s, now); result.Status != rotation.Done || len(w.Identities()) != 1 {
		t.Errorf("%+v, and the provider has %q", result, w.Identities())
	}
	w.Advance(time.Hour)
	w.Decide = func(call rotationtest.Call) rotationtest.Fault {
		if call.Op == "minter.mint" {
			return rotationtest.CrashAfter
		}
		return rotationtest.None
	}
	k.Run(t.Context(), s, scheduled(w))
	w.Decide = nil
	if result, _ := k.Run(t.Context(), s, now); !errors.Is(result.Err, rotation.ErrOpen) {
		t.Errorf("while a rotation is open: %+v", result)
	}
}
