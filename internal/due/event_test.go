package due

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
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

// A Redis without memory refuses some commands and takes others. What it took would say that the rotation was told.
func TestARotationThatCouldNotBeSettledIsToldByTheRunThatFindsItServed(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	admin := redis.NewClient(&redis.Options{Addr: x.rdb.(*redis.Client).Options().Addr})
	t.Cleanup(func() { must(t, admin.Close()) })
	memory := func(limit string) { must(t, admin.ConfigSet(context.Background(), "maxmemory", limit).Err()) }
	cred := fleet("a", 1, every30d(t))[0]
	must(t, x.Settle(t.Context(), cred, rotation.Ending{State: rotation.Closed, Promoted: true, RotationID: "r1", Slot: past, RotatedAt: past, Version: 1}))
	putOff(t, x, past, cred)
	if claimed := have[[]Due](t)(x.Claim(t.Context(), "a", 10, time.Hour)); len(claimed) != 1 {
		t.Fatalf("claimed %v", claimed)
	}
	must(t, x.Hold(t.Context(), cred, time.Hour, false))
	before := look(t, x, cred)

	second := rotation.Ending{State: rotation.Closed, Promoted: true, RotationID: "r2", Slot: past, RotatedAt: past, Version: 2}
	memory("1")
	if err := x.Settle(t.Context(), cred, second); err == nil {
		t.Fatal("a Redis without memory took it")
	}
	memory("0")
	if after := look(t, x, cred); after != before {
		t.Errorf("it stands %+v, and stood %+v", after, before)
	}
	if err := x.Hold(t.Context(), cred, time.Hour, false); err == nil {
		t.Error("the hold is gone")
	}
	second.Promoted = false // a run that finds it served
	must(t, x.Settle(t.Context(), cred, second))
	events := have[[]Event](t)(x.Events(t.Context(), "0", 10, -1))
	if last := events[len(events)-1]; last.Fields["rotation_id"] != "r2" || last.Fields["type"] != EventRotated {
		t.Errorf("told last of %v", last.Fields)
	}
}

// Its process stood still after it had closed the journal, and other rotations have ended since.
func TestARotationThatIsSettledAfterALaterOneIsNotTold(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	end := rotation.Ending{State: rotation.Closed, Promoted: true, RotationID: "r2", Slot: past, RotatedAt: past.Add(time.Hour), Version: 2}
	must(t, x.Settle(t.Context(), cred, end))
	end.RotationID, end.RotatedAt, end.Version = "r1", past, 1
	must(t, x.Settle(t.Context(), cred, end))
	if events := have[[]Event](t)(x.Events(t.Context(), "0", 10, -1)); len(events) != 1 || events[0].Fields["rotation_id"] != "r2" {
		t.Errorf("told of %v", events)
	}
}

func TestARotationThatNoPersonWaitsForIsSettledWithItsTaskOrBeforeTheNext(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	ctx, tail := redisx.WithTail(t.Context(), func(err error) { t.Error(err) })
	end := rotation.Ending{State: rotation.Closed, Promoted: true, RotationID: "r1", Slot: past, RotatedAt: past, Version: 1}
	settled := func(version int) bool { return look(t, x, cred).Shown.Version == version }
	must(t, x.Settle(ctx, cred, end))
	if settled(1) {
		t.Error("it is settled at once")
	}
	tail.Write(ctx, x.rdb)
	if !settled(1) {
		t.Error("it is not settled with its task")
	}
	end.Version = 2
	must(t, x.Settle(ctx, cred, end))
	must(t, x.Hold(ctx, cred, time.Hour, false))
	if !settled(2) || !tail.Empty() {
		t.Error("it would give back the hold of what follows")
	}
	end.Version, end.Reason = 3, rotation.ReasonDemand
	must(t, x.Settle(ctx, cred, end))
	if !settled(3) {
		t.Error("who waits for it hears of it before it is settled")
	}
}
