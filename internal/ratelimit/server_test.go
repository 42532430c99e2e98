package ratelimit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// TestNoWindowHoldsMoreQuestionsOrRefusalsThanTheServerBears lets many rotations and checks ask as fast as they may,
// with every outcome, and counts what the server sees in every window.
func TestNoWindowHoldsMoreQuestionsOrRefusalsThanTheServerBears(t *testing.T) {
	t.Parallel()
	for _, rate := range []rotation.Rate{perMinute30, forFail2ban, {Requests: 3, Per: time.Minute}, {Requests: 1000, Per: time.Second}} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			t.Parallel()
			m, random := newMail(t, rate), rand.New(rand.NewPCG(1, 2))
			var asked, refused []time.Time
			most, worst := 0, 0
			for range 3000 {
				m.clock.advance(time.Duration(random.Int64N(int64(rate.Per) / 20)))
				login := fmt.Sprint("login", random.IntN(10))
				if got, _ := m.try(login, 1+random.IntN(3), rotation.Urgency(random.IntN(3))); got == 0 {
					continue
				}
				m.clock.advance(time.Duration(random.Int64N(int64(rate.Per) / 50)))
				verdict := rotation.Verdict(random.IntN(3))
				now := m.clock.Now()
				asked = append(asked, now)
				if verdict == rotation.Refused {
					refused = append(refused, now)
				}
				m.answer(Answer{Login: login, ID: login, Verdict: verdict})
				most, worst = max(most, within(asked, now, rate.Per)), max(worst, within(refused, now, rate.Per))
			}
			if most > rate.Requests || worst > rate.Requests/3 {
				t.Errorf("%d questions and %d refusals in one window of %v", most, worst, rate)
			}
			if most < rate.Requests*4/5 && rate.Requests < 100 || worst == 0 {
				t.Errorf("only %d questions and %d refusals in the fullest window of %v", most, worst, rate)
			}
		})
	}
}

func within(list []time.Time, now time.Time, window time.Duration) (n int) {
	for _, at := range list {
		if at.After(now.Add(-window)) {
			n++
		}
	}
	return n
}

// TestWhatIsBookedCountsUntilItIsAnsweredOrGivenBackByTime: a question that is on its way may be refused.
func TestWhatIsBookedCountsUntilItIsAnsweredOrGivenBackByTime(t *testing.T) {
	t.Parallel()
	m := newMail(t, forFail2ban) // 4 refusals
	if got, _ := m.try("a", 3, rotation.Rotation); got != 3 {
		t.Fatalf("booked %d", got)
	}
	if got, wait := m.try("b", 3, rotation.Rotation); got != 0 || wait < time.Second {
		t.Errorf("a second rotation: %d, %v", got, wait)
	}
	if got, _ := m.try("a", 3, rotation.Rotation); got != 3 {
		t.Errorf("the same rotation again: %d", got)
	}
	m.answer(Answer{Login: "a", Verdict: rotation.Works})
	if got, _ := m.try("b", 3, rotation.Rotation); got != 3 {
		t.Errorf("after the first one was proven: %d", got)
	}
	m.clock.advance(booked + time.Second)
	if got, _ := m.try("c", 3, rotation.Rotation); got != 3 {
		t.Errorf("after the second one vanished: %d", got)
	}
}

func TestWhatIsUrgentGoesFirst(t *testing.T) {
	t.Parallel()
	m := newMail(t, perMinute30)
	spend := func(urgency rotation.Urgency) (n int) {
		for ; ; n++ {
			login := fmt.Sprint(urgency, n)
			if got, _ := m.try(login, 1, urgency); got == 0 {
				return n
			}
			m.answer(Answer{Login: login, ID: login, Verdict: rotation.Works})
		}
	}
	if routine, rotations, resumed := spend(rotation.Routine), spend(rotation.Rotation), spend(rotation.Resumed); routine != 15 || rotations != 12 || resumed != 3 {
		t.Errorf("%d routine checks, then %d rotations, then %d resumes", routine, rotations, resumed)
	}
	// A resume waits now: what leaves the window is for it, whichever asks first.
	if got, _ := m.try("resumed", 1, rotation.Resumed); got != 0 {
		t.Fatal("there is room")
	}
	m.clock.advance(61 * time.Second)
	if got, _ := m.try("rotation", 1, rotation.Rotation); got != 0 {
		t.Error("a rotation goes before a resume that waits")
	}
	if got, _ := m.try("resumed", 1, rotation.Resumed); got != 1 {
		t.Error("the resume is sent away")
	}
	if got, _ := m.try("rotation", 1, rotation.Rotation); got != 1 {
		t.Error("the rotation is sent away though nothing waits")
	}
}

// TestChecksThatNeverEndHoldNoRotationUp lets as many drift checks come as the budget has questions, while rotations wait
// for room.
func TestChecksThatNeverEndHoldNoRotationUp(t *testing.T) {
	t.Parallel()
	m := newMail(t, rotation.Rate{Requests: 10, Per: time.Minute})
	checks, rotations, asked := map[string]time.Time{}, map[string]time.Time{}, map[string]time.Time{}
	for i := range 12 {
		checks[fmt.Sprint("check", i)], rotations[fmt.Sprint("rotation", i)] = m.clock.Now(), m.clock.Now()
	}
	came := func(waiting map[string]time.Time, n int, urgency rotation.Urgency, next time.Duration) {
		for login, at := range waiting {
			if m.clock.Now().Before(at) {
				continue
			}
			got, wait := m.try(login, n, urgency)
			if got == 0 {
				waiting[login] = m.clock.Now().Add(wait)
				continue
			}
			asked[login] = m.clock.Now().Add(time.Second)
			if delete(waiting, login); next > 0 {
				waiting[login] = m.clock.Now().Add(next)
			}
		}
	}
	began := m.clock.Now()
	for len(rotations) > 0 && m.clock.Now().Sub(began) < time.Hour {
		came(checks, 1, rotation.Routine, time.Minute)
		came(rotations, 3, rotation.Rotation, 0)
		for login, at := range asked {
			if m.clock.Now().After(at) {
				m.answer(Answer{Login: login, ID: login, Verdict: rotation.Works})
				delete(asked, login)
			}
		}
		m.clock.advance(100 * time.Millisecond)
	}
	if took := m.clock.Now().Sub(began); took > 3*time.Minute {
		t.Errorf("%d rotations still wait after %v", len(rotations), took)
	}
}

// TestAServerThatWantsToBeLeftAloneIsLeftAloneByAll pauses for longer each time, and lets one try first.
func TestAServerThatWantsToBeLeftAloneIsLeftAloneByAll(t *testing.T) {
	t.Parallel()
	m := newMail(t, rotation.Rate{Requests: 3000, Per: time.Minute})
	trouble := func() time.Duration {
		if got, wait := m.try("a", 1, rotation.Resumed); got == 0 {
			t.Fatalf("sent away for %v", wait)
		}
		return m.answer(Answer{Login: "a", Trouble: Busy}).Pause
	}
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		want := time.Duration(seconds) * time.Second
		if got := trouble(); got != want {
			t.Errorf("a pause of %v, want %v", got, want)
		}
		if got, wait := m.try("b", 1, rotation.Resumed); got != 0 || wait != want {
			t.Errorf("in the pause: %d, %v", got, wait)
		}
		m.clock.advance(want)
	}
	if got, _ := m.try("a", 1, rotation.Resumed); got != 1 {
		t.Error("no login may try")
	}
	if got, _ := m.try("b", 1, rotation.Resumed); got != 0 {
		t.Error("two try at once")
	}
	m.answer(Answer{Login: "a", Verdict: rotation.Works})
	if got, _ := m.try("b", 1, rotation.Resumed); got != 1 {
		t.Error("it is well, and no login may ask")
	}
	for i := range 3 {
		m.try("a", 1, rotation.Resumed)
		if pause := m.answer(Answer{Login: "a", Trouble: Away}).Pause; (pause > 0) != (i == 2) {
			t.Errorf("not reached %d times: a pause of %v", i+1, pause)
		}
	}
}

func TestWhoMayTryAfterAPauseAndDoesNotAskKeepsNoOtherOut(t *testing.T) {
	t.Parallel()
	m := newMail(t, rotation.Rate{Requests: 3000, Per: time.Minute})
	m.clock.advance(m.answer(Answer{Login: "a", Trouble: Busy}).Pause)
	if got, wait := m.try("idle", 3, rotation.Resumed); got != 3 {
		t.Fatalf("no login may try: sent away for %v", wait)
	}
	m.clock.advance(3 * time.Second)
	if got, wait := m.try("idle", 3, rotation.Resumed); got != 3 {
		t.Errorf("kept out by its own booking, for %v", wait)
	}
	got, wait := m.try("b", 3, rotation.Resumed)
	if got != 0 || wait > 2*time.Second {
		t.Errorf("beside a booking that is not used: %d, sent away for %v", got, wait)
	}
	m.clock.advance(wait)
	if got, wait := m.try("b", 3, rotation.Resumed); got != 3 {
		t.Errorf("sent away again, for %v", wait)
	}
}

func TestARateThatNoServerCanBeAskedByIsRefused(t *testing.T) {
	t.Parallel()
	_, err := NewServers(newRedis(t)).Of("mail:25", rotation.Rate{Requests: 2, Per: time.Minute})
	if err == nil || !strings.Contains(err.Error(), "at least 3") {
		t.Errorf("%v", err)
	}
}

// TestKeysOfAServerAreFewAndEnd keeps Redis from filling up with servers and logins of long ago.
func TestKeysOfAServerAreFewAndEnd(t *testing.T) {
	t.Parallel()
	m := newMail(t, rotation.Rate{Requests: 100_000, Per: time.Minute})
	for i := range 2000 {
		login := fmt.Sprint(i)
		m.try(login, 2, rotation.Rotation)
		m.answer(Answer{Login: login, ID: login, Verdict: []rotation.Verdict{rotation.Refused, rotation.Works}[i%3/2]})
		if i%3 == 0 {
			if _, err := m.Strike(t.Context(), login); err != nil {
				t.Fatal(err)
			}
		}
		m.clock.advance(time.Second)
	}
	for _, key := range m.keys {
		ttl, err := m.rdb.TTL(t.Context(), key).Result()
		if err != nil || ttl == -1 {
			t.Errorf("%s stays forever: %v, %v", key, ttl, err)
		}
		used, err := m.rdb.MemoryUsage(t.Context(), key).Result()
		if err != nil && !errors.Is(err, redis.Nil) || used > 100_000 {
			t.Errorf("%s takes %d bytes: %v", key, used, err)
		}
	}
}

// TestAServersBudgetOutlivesAClockThatJumpsBack, and is not spent until the old time comes again.
func TestAServersBudgetOutlivesAClockThatJumpsBack(t *testing.T) {
	t.Parallel()
	m := newMail(t, perMinute30)
	for i := range 9 {
		login := fmt.Sprint(i)
		m.try(login, 1, rotation.Resumed)
		m.answer(Answer{Login: login, Verdict: rotation.Refused})
	}
	m.try("a", 1, rotation.Resumed)
	m.answer(Answer{Login: "a", Trouble: Busy})
	m.clock.advance(-24 * time.Hour)
	if got, wait := m.try("b", 1, rotation.Resumed); got != 0 || wait > 5*time.Second {
		t.Errorf("the pause: %d, %v", got, wait)
	}
	m.clock.advance(2 * time.Minute)
	if got, wait := m.try("b", 3, rotation.Resumed); got != 3 {
		t.Errorf("the budget: %d, %v", got, wait)
	}
}
