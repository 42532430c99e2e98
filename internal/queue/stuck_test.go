package queue_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func TestWhatDoesNotMoveInAQueueIsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	look := func() (scheduled, urgent queue.Stuck) {
		all, err := r.client.Stuck(t.Context(), "idle", account)
		must(t, err)
		if len(all) != 4 || all[1].Queue != "idle" || all[2].Queue != account+".now" || all[3].Queue != account {
			t.Fatalf("%+v", all)
		}
		if all[0].Pending+all[0].Archived != 0 || !all[0].Oldest.IsZero() {
			t.Errorf("an account without work: %+v", all[0])
		}
		return all[3], all[2]
	}
	before := time.Now().Add(-time.Second)
	for _, id := range []string{"first", "second"} {
		must(t, r.client.Enqueue(t.Context(), account, id, time.Now(), rotation.ReasonScheduled, false))
	}
	first, urgent := look()
	if first.Pending != 2 || first.Oldest.Before(before) || first.Oldest.After(time.Now()) || !urgent.Oldest.IsZero() {
		t.Errorf("%+v, %+v", first, urgent)
	}
	// The first one has waited since the day before, and one was given up.
	const tasks = "asynq:{" + account + "}:"
	yesterday := time.Now().Add(-24 * time.Hour)
	must(t, r.admin.HSet(t.Context(), tasks+"t:first", "pending_since", yesterday.UnixNano()).Err())
	must(t, r.admin.ZAdd(t.Context(), tasks+"archived", redis.Z{Score: 1, Member: "third"}).Err())
	if old, _ := look(); !old.Oldest.Equal(yesterday) || old.Archived != 1 {
		t.Errorf("%+v, want one that waits since %v", old, yesterday)
	}
	must(t, r.admin.HDel(t.Context(), tasks+"t:first", "pending_since").Err()) // taken meanwhile
	if taken, _ := look(); !taken.Oldest.IsZero() {
		t.Errorf("%+v", taken)
	}
}
