package due

import (
	"testing"

	"keyturn/internal/rotation"
)

func TestANoticeIsAnEventOfItsKind(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	n := rotation.Notice{Kind: rotation.NoticeUnverified, RotationID: "r1", Reason: rotation.ReasonDemand, RequestedBy: "ann@host", Detail: "why"}
	if err := x.Note(t.Context(), cred, n); err != nil {
		t.Fatal(err)
	}
	events := have[[]Event](t)(x.Events(t.Context(), "0", 10, -1))
	if len(events) != 1 {
		t.Fatalf("got %d events", len(events))
	}
	for field, want := range map[string]string{
		"type": "promoted_unverified", "credential": cred.ID, "account": "a", "rotation_id": "r1", "reason": "on demand",
		"requested_by": "ann@host", "why": "why",
	} {
		if got := events[0].Fields[field]; got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}
