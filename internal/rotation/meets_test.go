package rotation

import (
	"context"
	"errors"
	"testing"
	"time"

	"keyturn/internal/secret"
)

// What a check makes of the rotation that it met, in every way in which that can end.
func TestACheckGoesOnAfterTheRotationThatItMetAndNotWithIt(t *testing.T) {
	t.Parallel()
	const recheck = time.Minute
	cause := errors.New("why")
	for _, tt := range []struct {
		reason    Reason
		met, want Result
	}{
		{ReasonScheduled, Result{Status: Waiting, After: time.Hour, Err: cause}, Result{Status: Unresolved, Err: cause}},
		{ReasonScheduled, Result{Status: Failed, After: time.Hour}, Result{Status: Unresolved}},
		{ReasonScheduled, Result{Status: Replaced, After: time.Second}, Result{Status: Unresolved}},
		{ReasonScheduled, Result{Status: Ended, Err: cause}, Result{Status: Ended, Err: cause}},
		{ReasonScheduled, Result{Status: Done, Rotated: true}, Result{Status: Done, Rotated: true}},
		{ReasonScheduled, Result{Status: Done}, Result{Status: Waiting, After: time.Second, Err: errStaleRead}},
		{ReasonRecheck, Result{Status: Failed, After: time.Second}, Result{Status: Waiting, After: recheck}},
		{ReasonRecheck, Result{Status: Replaced, After: time.Hour}, Result{Status: Waiting, After: time.Hour}},
		{ReasonReplaced, Result{Status: Waiting, After: time.Second}, Result{Status: Waiting, After: recheck}},
		{ReasonDemand, Result{Status: Failed, After: time.Second}, Result{Status: Failed, After: time.Second}},
		{ReasonDemand, Result{Status: Replaced, After: time.Second}, Result{Status: Replaced, After: time.Second}},
	} {
		r := &run{Machine: &Machine{Timing: Timing{Recheck: recheck}}, job: Job{Reason: tt.reason}}
		if got := r.beside(tt.met); got != tt.want {
			t.Errorf("%s met %+v: %+v, want %+v", tt.reason, tt.met, got, tt.want)
		}
	}
}

func TestARestIsTheLongerOfGraceAndMinimumIntervalUnlessItCannotWait(t *testing.T) {
	t.Parallel()
	const least = time.Minute
	pair := func(grace time.Duration) *Pair { return &Pair{Grace: grace} }
	for _, tt := range []struct {
		pair *Pair
		job  Job
		want time.Duration
	}{
		{nil, Job{Reason: ReasonScheduled}, least},
		{pair(time.Hour), Job{Reason: ReasonScheduled}, time.Hour},
		{pair(time.Hour), Job{Reason: ReasonDemand}, time.Hour},
		{pair(time.Hour), Job{Reason: ReasonDemand, Force: true}, least},
		{pair(time.Hour), Job{Reason: ReasonDrift}, least},
		{pair(time.Second), Job{Reason: ReasonScheduled}, least},
	} {
		r := &run{Machine: &Machine{Timing: Timing{MinInterval: least}}, Subject: Subject{Credential: &Credential{Pair: tt.pair}}, job: tt.job}
		if got := r.leastInterval(); got != tt.want {
			t.Errorf("%+v, %+v: %s, want %s", tt.pair, tt.job, got, tt.want)
		}
	}
}

func TestARotationKnowsAnIdentityThatAnyPartOfItsJournalNames(t *testing.T) {
	t.Parallel()
	rec := Record{
		Identities: Identities{Used: "used", Retire: []Retiring{{ID: "waits"}}, Kept: []string{"kept"}},
		Candidates: []Candidate{{ID: "first"}, {ID: "last"}},
	}
	for id, want := range map[string]bool{"used": true, "waits": true, "kept": true, "first": true, "last": true, "other": false} {
		if got := rec.knows(id); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
}

func TestTheNextToBeRetiredIsTheEarliestThatConsumersDoNotUse(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC) }
	i := Identities{Retire: []Retiring{{ID: "b", NotBefore: at(2)}, {ID: "a", NotBefore: at(1)}, {ID: "c", NotBefore: at(3)}}}
	for used, want := range map[string]string{"": "a", "a": "b", "b": "a", "other": "a"} {
		if got, ok := i.next(used); got.ID != want || !ok {
			t.Errorf("consumers use %q: %s", used, got.ID)
		}
	}
	alone := Identities{Retire: []Retiring{{ID: "a", NotBefore: at(1)}}}
	if got, ok := alone.next("a"); ok {
		t.Errorf("what consumers use again is to be retired: %+v", got)
	}
}

// stands is a clock that stands still.
type stands time.Time

func (c stands) Now() time.Time                             { return time.Time(c) }
func (c stands) Sleep(context.Context, time.Duration) error { return nil }

func TestAProviderRestsThatHasYetToSyncWhatItMade(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	made := Candidate{Value: secret.New("p"), At: now.Add(-4 * time.Second)}
	synced, sent, none, ahead := made, made, made, made
	synced.Synced, sent.Sends, none.Value, ahead.At = true, 1, secret.Value{}, now.Add(time.Second)
	for name, tt := range map[string]struct {
		candidates []Candidate
		want       time.Duration
	}{
		"nothing was made":       {nil, 0},
		"it made one":            {[]Candidate{made}, 6 * time.Second},
		"it has synced":          {[]Candidate{synced}, 0},
		"it was sent by keyturn": {[]Candidate{sent}, 0},
		"it is not known":        {[]Candidate{none}, 0},
		"by a clock ahead":       {[]Candidate{ahead}, 0},
	} {
		r := &run{Machine: &Machine{Clock: stands(now)}, rec: Record{Candidates: tt.candidates}}
		if got := r.syncRest(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
