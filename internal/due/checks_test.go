package due

import (
	"testing"
	"time"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

func TestTheLastCheckOfEachCredentialIsKept(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	creds := append(fleet("a", 3, every30d(t)), fleet("b", 2, every30d(t))...)
	before := time.Now().Add(-time.Minute)
	for i, verdicts := range [][]rotation.Verdict{
		{rotation.Works}, {}, {rotation.Works, rotation.Refused}, {rotation.Unknown}, {rotation.Unbelieved},
	} {
		for _, verdict := range verdicts {
			must(t, x.Checked(t.Context(), creds[i], verdict))
		}
	}
	found := have[[]Check](t)(x.Checks(t.Context(), creds))
	for i, want := range []rotation.Verdict{rotation.Works, rotation.Unknown, rotation.Refused, rotation.Unknown, rotation.Unbelieved} {
		if c := found[i]; c.Verdict != want || c.At.IsZero() != (i == 1) || i != 1 && c.At.Before(before) {
			t.Errorf("%s: %+v, want %v", creds[i].ID, c, want)
		}
	}

	// What another program wrote there is no check, and what is removed is forgotten.
	must(t, x.rdb.HSet(t.Context(), redisx.Key("a", redisx.Checked), creds[0].ID, "\x1b[2J works").Err())
	must(t, x.Remove(t.Context(), "a", creds[2].ID))
	for i, c := range have[[]Check](t)(x.Checks(t.Context(), creds[:3])) {
		if c != (Check{}) {
			t.Errorf("%s: %+v", creds[i].ID, c)
		}
	}
}
