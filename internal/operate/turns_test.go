package operate

import (
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestAStorySaysWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	pair := &rotation.Credential{Pair: &rotation.Pair{
		Targets: [2]rotation.Access{{Target: "a@example.com"}, {Target: "b@example.com", Username: "b"}}, Grace: 24 * time.Hour,
	}}
	ends := now.Add(time.Hour)
	password := secret.New("p")
	for name, tt := range map[string]struct {
		rec     rotation.Record
		current rotation.Entry
		want    Turns
	}{
		"never rotated":           {want: Turns{Next: "a@example.com"}},
		"by its target":           {current: rotation.Entry{Target: "a@example.com", Password: password}, want: Turns{InUse: "a@example.com", Next: "b@example.com"}},
		"by its user name":        {current: rotation.Entry{Username: "b", Password: password}, want: Turns{InUse: "b@example.com", Next: "a@example.com"}},
		"neither":                 {current: rotation.Entry{Username: "c", Password: password}},
		"within its grace":        {current: rotation.Entry{Target: "a@example.com", Password: password, RotatedAt: now.Add(-23 * time.Hour)}, want: Turns{InUse: "a@example.com", Next: "b@example.com", GraceEnds: &ends}},
		"an adoption of the same": {rec: rotation.Record{State: rotation.Open, Target: "a@example.com"}, current: rotation.Entry{Target: "a@example.com", Password: password}, want: Turns{InUse: "a@example.com", Next: "a@example.com"}},
	} {
		got := turns(pair, tt.rec, tt.current, now)
		if got == nil || got.InUse != tt.want.InUse || got.Next != tt.want.Next || (got.GraceEnds == nil) != (tt.want.GraceEnds == nil) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if got := turns(&rotation.Credential{}, rotation.Record{}, rotation.Entry{}, now); got != nil {
		t.Errorf("without a pair: %+v", got)
	}
}

func TestAnOpenRotationOfEitherTargetDoesNotDifferFromItsPair(t *testing.T) {
	t.Parallel()
	cred := &rotation.Credential{Target: "a", Pair: &rotation.Pair{Targets: [2]rotation.Access{{Target: "a"}, {Target: "b"}}}}
	rec := rotation.Record{State: rotation.Open, Strategy: rotation.StrategyPair, Target: "b", Username: "b"}
	if got := differences(cred, rec); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
	rec.Strategy = rotation.StrategyReplace
	if got := differences(cred, rec); len(got) != 1 || got[0].Field != "strategy" {
		t.Errorf("of another strategy: %+v", got)
	}
}
