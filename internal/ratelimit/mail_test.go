package ratelimit

import (
	"errors"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

// mail is a server on a virtual clock.
type mail struct {
	*Server
	t     *testing.T
	clock *virtual
}

func newMail(t *testing.T, rate rotation.Rate) *mail {
	t.Helper()
	m := &mail{t: t, clock: newVirtual()}
	servers := NewServers(newRedis(t))
	servers.now = m.clock.redis
	var err error
	if m.Server, err = servers.Of("Mail.example.com:465", rate); err != nil {
		t.Fatal(err)
	}
	return m
}

// try books n questions and returns how many it got, or how long to wait.
func (m *mail) try(login string, n int, urgency rotation.Urgency) (int, time.Duration) {
	m.t.Helper()
	got, err := m.Book(m.t.Context(), login, n, urgency)
	if wait := new(rotation.WaitError); errors.As(err, &wait) {
		return 0, wait.After
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return got, 0
}

func (m *mail) answer(a Answer) Judgement {
	m.t.Helper()
	j, err := m.Answer(m.t.Context(), a)
	if err != nil {
		m.t.Fatal(err)
	}
	return j
}

var (
	perMinute30 = rotation.Rate{Requests: 30, Per: time.Minute}
	// fail2ban bans an address at five failures in ten minutes.
	forFail2ban = rotation.Rate{Requests: 12, Per: 10 * time.Minute}
)
