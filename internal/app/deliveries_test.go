package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/outbox"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// later is a clock that is ahead.
type later struct {
	rotation.WallClock

	by time.Duration
}

func (l *later) Now() time.Time { return l.WallClock.Now().Add(l.by) }

func TestRotationsWithinAMomentCauseOneRestart(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	defer rdb.Close()
	index, box, clock := due.NewIndex(rdb), outbox.New(rdb), &later{}
	var restarted []string
	var at []time.Time
	var refuse error
	d := &Deliveries{
		Box: box, Events: index, Clock: clock, Log: slog.New(slog.DiscardHandler),
		Restart: func(_ context.Context, workload string, when time.Time) error {
			restarted, at = append(restarted, workload), append(at, when)
			return refuse
		},
	}
	cfg := loadTold(t)
	cred, _ := cfg.Credential("shop")
	place := outbox.Place{Sink: restartSink, Subject: "deployment@mail@postfix"}
	for range 10 {
		if err := index.Remind(t.Context(), []due.Reminder{{Cred: cred, Type: due.EventRotated, RotationID: "r"}}); err != nil {
			t.Fatal(err)
		}
	}
	events, err := index.Events(t.Context(), "0", 100, -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := box.Add(t.Context(), e.ID, place); err != nil {
			t.Fatal(err)
		}
	}
	job := queue.Job{Kind: queue.KindTell, Account: place.Sink, Credential: place.Subject}
	if r := d.Tell(t.Context(), cfg, job); r.Status != rotation.Waiting || r.After <= 0 || r.After > quiet || len(restarted) > 0 {
		t.Errorf("%+v, restarted %v", r, restarted)
	}
	clock.by = quiet
	refuse = errors.New("forbidden")
	if r := d.Tell(t.Context(), cfg, job); r.Status != rotation.Failed || !errors.Is(r.Err, refuse) {
		t.Errorf("%+v", r)
	}
	if err := rdb.Del(t.Context(), "keyturn:{"+restartSink+"}:turn:"+place.Subject).Err(); err != nil { // the pause is over
		t.Fatal(err)
	}
	refuse = nil
	if r := d.Tell(t.Context(), cfg, job); r.Status != rotation.Done || len(restarted) != 2 || restarted[1] != "deployment/mail/postfix" {
		t.Errorf("%+v, restarted %v", r, restarted)
	}
	if !at[0].Equal(at[1]) {
		t.Errorf("asked again with another time, %s and then %s, it would restart twice", at[0], at[1])
	}
	if r := d.Tell(t.Context(), cfg, job); r.Status != rotation.Done || len(restarted) != 2 {
		t.Errorf("%+v, restarted %v", r, restarted)
	}
	again := operate.Event{Type: due.EventRotated, Credential: "shop", Version: 6, Again: true}
	for version, over := range map[int]bool{5: false, 6: false, 7: true} {
		if err := index.Settle(t.Context(), cred, rotation.Ending{Promoted: true, Slot: time.Now(), RotationID: "r", Version: version}); err != nil {
			t.Fatal(err)
		}
		if got, err := d.over(t.Context(), cfg, again); got != over || err != nil {
			t.Errorf("version %d stands: %v, %v", version, got, err)
		}
		if first := (operate.Event{Type: due.EventRotated, Credential: "shop", Version: 6}); version == 7 {
			if got, err := d.over(t.Context(), cfg, first); got || err != nil {
				t.Errorf("one that is told for the first time is left out: %v", err)
			}
		}
	}
	if err := d.send(t.Context(), cfg, outbox.Place{Sink: restartSink, Subject: "deployment@mail@other"}, operate.Event{}); !errors.Is(err, errUnknownSink) || len(restarted) != 2 {
		t.Errorf("one that no notify names: %v, restarted %v", err, restarted)
	}
}
