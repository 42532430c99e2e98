package queue

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// holding is a door that holds one task of an account, which it took for asynq's look at the urgent queue.
func holding(t *testing.T) (*door, *redis.Client) {
	t.Helper()
	rdb, err := redisx.Dial(redisx.Config{Addresses: []string{devenvtest.Redis(t).Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	if err := NewClient(rdb).Enqueue(t.Context(), "a", "c", time.Now(), rotation.ReasonScheduled, false); err != nil {
		t.Fatal(err)
	}
	d := newDoor(rdb, every(0))
	d.ahead = ahead{leases: leases{rdb, time.Now}, account: "a", slots: 2}
	if cmd := d.ask1(t, nowQueue("a")); cmd.Err() != redis.Nil { //nolint:errorlint // asynq compares it too
		t.Fatalf("the urgent queue, which is empty, answers %v", cmd)
	}
	return d, rdb.(*redis.Client)
}

// ask1 is asynq's dequeue of one queue.
func (d *door) ask1(t *testing.T, queue string) *redis.Cmd {
	t.Helper()
	keys := []string{engineKey(queue, "pending"), engineKey(queue, "paused"), engineKey(queue, "active"), engineKey(queue, "lease")}
	return d.EvalSha(t.Context(), "0000000000000000000000000000000000000000", keys, time.Now().Add(leaseFor).Unix(), engineKey(queue, "t:"))
}

// stands is how many tasks of an account wait, run and have a lease.
func stands(t *testing.T, rdb *redis.Client) [3]int64 {
	t.Helper()
	key := func(name string) string { return engineKey("a", name) }
	return [3]int64{rdb.LLen(t.Context(), key("pending")).Val(), rdb.LLen(t.Context(), key("active")).Val(), rdb.ZCard(t.Context(), key("lease")).Val()}
}

func TestOneLookTakesFromBothQueues(t *testing.T) {
	t.Parallel()
	d, rdb := holding(t)
	if got := stands(t, rdb); got != [3]int64{0, 1, 1} {
		t.Errorf("waiting, running, leases: %v", got)
	}
	if state := rdb.HGet(t.Context(), engineKey("a", "t:c"), "state").Val(); state != "active" {
		t.Errorf("its state is %q", state)
	}
	if cmd := d.ask1(t, "a"); cmd.Err() != nil || cmd.Val() == "" {
		t.Errorf("the other queue answers %v", cmd)
	}
	for _, queue := range queuesOf("a") {
		if cmd := d.ask1(t, queue); cmd.Err() != redis.Nil { //nolint:errorlint // asynq compares it too
			t.Errorf("%s, which is empty, answers %v", queue, cmd)
		}
	}
}

func TestAServerThatStopsGivesBackWhatItTookAhead(t *testing.T) {
	t.Parallel()
	d, rdb := holding(t)
	d.stop(t.Context())
	if got := stands(t, rdb); got != [3]int64{1, 0, 0} {
		t.Errorf("waiting, running, leases: %v", got)
	}
	if state := rdb.HGet(t.Context(), engineKey("a", "t:c"), "state").Val(); state != "pending" {
		t.Errorf("its state is %q", state)
	}
	for _, queue := range queuesOf("a") {
		if cmd := d.ask1(t, queue); cmd.Err() != redis.Nil { //nolint:errorlint // asynq compares it too
			t.Errorf("%s answers %v after the door was shut", queue, cmd)
		}
	}
	if d.inside != 0 || d.vacant() {
		t.Errorf("%d are inside, and more may be taken", d.inside)
	}
	d.inside++
	d.hold(t.Context(), task{id: "c", message: "m", at: time.Now()}) // which was on its way
	if len(d.held) != 0 {
		t.Error("it holds what came after its end")
	}
}

// Its lease may have lapsed, and another worker have it.
func TestATaskThatWasHeldForLongIsLeftToItsLease(t *testing.T) {
	t.Parallel()
	d, rdb := holding(t)
	d.held[0].at = time.Now().Add(-time.Minute)
	old := d.held[0]
	if cmd, known := d.fromHeld(t.Context(), false); known || d.inside != 0 {
		t.Errorf("it is handed out: %v, and %d are inside", cmd, d.inside)
	}
	d.inside++
	d.held = append(d.held, old)
	d.stop(t.Context())
	if got := stands(t, rdb); got != [3]int64{0, 1, 1} {
		t.Errorf("waiting, running, leases: %v", got)
	}
}

func TestNoMoreIsTakenAheadThanThereAreSlots(t *testing.T) {
	t.Parallel()
	d := newDoor(nil, every(0))
	d.slots = 2
	d.inside = 1
	if !d.vacant() || d.inside != 2 {
		t.Error("a free slot stays empty")
	}
	if d.vacant() {
		t.Error("more is taken than there are slots")
	}
	d.inside, d.apart = 0, every(time.Second)
	if d.vacant() {
		t.Error("it is taken ahead although calls wait for the rate, and others look too")
	}
}
