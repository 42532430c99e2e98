package operate_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// known is an index that knows of all but the last of the credentials that it is asked about.
type known struct {
	operate.Index
	built bool
}

func (known) Look(_ context.Context, creds []*rotation.Credential) ([]due.Standing, error) {
	all := make([]due.Standing, len(creds))
	for i := range len(creds) - 1 {
		all[i].Due = noon
	}
	all[len(all)-1].Shown = due.Shown{Known: true} // it was read, and has no password yet
	return all, nil
}

func (k known) Counts(context.Context, ...string) ([]due.Count, error) {
	return []due.Count{{Account: "mail", Built: k.built, Quarantined: 2}}, nil
}

// busy is a queue with work for the account.
type busy struct{ operate.Queue }

func (busy) Depths(context.Context, ...string) ([]queue.Depth, error) {
	return []queue.Depth{{Urgent: true, Pending: 5, Active: 1}, {Pending: 40, Retry: 2}}, nil
}

type broken struct{}

func (broken) State(context.Context, string) (queue.BreakerState, error) {
	return queue.BreakerState{Open: true, Since: noon, Cause: "failed: failed: unauthorized", Next: noon.Add(time.Minute)}, nil
}

func TestAnEstimateCountsTheCallsAndWhatStandsBefore(t *testing.T) {
	t.Parallel()
	creds := fleet(t, 30)
	for _, cred := range creds {
		cred.First = rotation.FirstManual
	}
	creds[0].Verify = &rotation.Verification{Mode: rotation.VerifyProvider} // two calls
	d := &operate.Desk{
		Fleet: creds, Accounts: map[string]*config.Account{"mail": {Name: "mail", Rates: []rotation.Rate{tenth}}},
		Queue: busy{}, Index: known{built: true}, Breakers: broken{}, Clock: rotation.WallClock{},
	}
	e, err := d.Estimate(t.Context(), operate.BulkRequest{Account: "mail"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(e)
	want := `{"account":"mail","credentials":30,"calls_per_second":10,"calls_per_rotation":1.0333333333333334,` +
		`"rotations_per_second":8.709677419354838,"seconds":4.133333333333334,"urgent_jobs":6,"other_jobs":42,"never_rotated":1,"never_rotated_ids":["c-29"],"quarantined":2,` +
		`"index_built":true,"breaker":{"since":"2026-11-21T12:00:00Z","cause":"failed: unauthorized","next":"2026-11-21T12:01:00Z"}}`
	if err != nil || string(text) != want {
		t.Errorf("%v: %s\nwant\n%s", err, text, want)
	}
	if !e.Surprises() {
		t.Error("one was never rotated: its program may not read from Vault")
	}
	if e, err := d.Estimate(t.Context(), operate.BulkRequest{Account: "mail", After: "c-29"}); err != nil || e.Credentials != 0 {
		t.Errorf("after the last: %+v, %v", e, err)
	} else if _, err := json.Marshal(e); err != nil {
		t.Error(err)
	}
	for account, after := range map[string]string{"male": "", "mail": "unlisted"} {
		if _, err := d.Estimate(t.Context(), operate.BulkRequest{Account: account, After: after}); operate.KindOf(err) != operate.Absent {
			t.Errorf("%s after %q: %v", account, after, err)
		}
	}
}

func TestALargeOrAnUnknownFleetSurprises(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		e    operate.Estimate
		want bool
	}{
		{operate.Estimate{Credentials: 100, IndexBuilt: true}, false},
		{operate.Estimate{Credentials: 101, IndexBuilt: true}, true},
		{operate.Estimate{Credentials: 1}, true},
		{operate.Estimate{Credentials: 1, NeverRotated: 1, IndexBuilt: true}, true},
	} {
		if got := test.e.Surprises(); got != test.want {
			t.Errorf("%+v: %t", test.e, got)
		}
	}
}
