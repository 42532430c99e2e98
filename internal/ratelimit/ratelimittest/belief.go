package ratelimittest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
)

// Answer implements ratelimit.Ledger: answer.lua.
func (l *Ledger) Answer(_ context.Context, a ratelimit.Answer) (ratelimit.Judgement, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.begin()
	began := now - a.Took.Microseconds()
	if l.bookedN[a.Login] > 0 {
		l.book(a.Login, -1, l.bookedT[a.Login])
	}
	nth := floor(now, l.width())
	l.counts[0][nth]++
	s := &l.state
	answered := a.Verdict == rotation.Works || a.Verdict == rotation.Refused
	if answered && began >= s.paused { // what was asked before a pause says nothing about its end
		s.pause, s.paused, s.streak, s.fails, s.trial, s.trialist = 0, 0, 0, 0, 0, ""
	}
	switch {
	case !answered:
		l.trouble(now, began, a.Trouble)
		return ratelimit.Judgement{Pause: l.rest(now)}, nil
	case a.Verdict == rotation.Works:
		return l.accept(now, a), nil
	}
	l.counts[1][nth]++
	l.denied[a.Login] = now
	for login, at := range l.denied {
		if at <= now-memory {
			delete(l.denied, login)
		}
	}
	trim(l.denied, refused)
	if _, ok := l.works[a.ID]; ok && a.ID != "" {
		l.works[a.ID] = 0
	}
	return l.judge(now, began, a), nil
}

func (l *Ledger) rest(now int64) time.Duration { return micros(max(0, l.state.pause-now)) }

// trouble lets a server be that wants to be left alone, or is away for the third time.
func (l *Ledger) trouble(now, began int64, trouble ratelimit.Trouble) {
	s := &l.state
	if began < s.pause {
		return
	}
	if trouble == ratelimit.Away {
		s.fails++
	}
	const fails, longest, doubles = 3, 300, 20
	if trouble == ratelimit.Busy || trouble == ratelimit.Away && s.fails >= fails {
		s.streak++
		s.paused = now
		s.pause = now + min(int64(1)<<min(s.streak-1, doubles), longest)*second
		s.trial, s.trialist = 0, ""
	}
}

// accept notes a login that worked.
func (l *Ledger) accept(now int64, a ratelimit.Answer) ratelimit.Judgement {
	s := &l.state
	if left := l.bookedN[a.Login]; left > 0 {
		l.book(a.Login, -left, now)
	}
	standing := ratelimit.Believed
	if s.sick {
		standing = ratelimit.Recovered
	}
	s.accepted, s.doubt, s.inquiry, s.sick = now, 0, 0, false
	clear(l.denied)
	delete(l.strikes, a.Login)
	if a.ID != "" {
		l.works[a.ID] = now
		trim(l.works, witnesses)
	}
	return ratelimit.Judgement{Standing: standing, Recent: true, Pause: l.rest(now)}
}

// judge says what a refusal is worth.
func (l *Ledger) judge(now, began int64, a ratelimit.Answer) ratelimit.Judgement {
	s := &l.state
	others := len(l.denied) - 1
	j := ratelimit.Judgement{Pause: l.rest(now)}
	j.Recent = s.accepted > 0 && now-s.accepted <= memory && others == 0
	backed := s.accepted >= began || !a.Routine && s.accepted > 0 && now-s.accepted <= fresh
	ids := l.newest()
	others0 := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == a.ID })
	switch {
	case backed && others < many:
		j.Standing = ratelimit.Believed
	case s.doubt > now:
		j.Standing = ratelimit.Doubted
	case s.inquiry > now:
		j.Standing = ratelimit.Inquiring
	case len(ids) == 0:
		j.Standing = ratelimit.Lone
	default:
		s.inquiry = now + inquiring
		j.Standing, j.Witnesses = ratelimit.Ask, others0
		if len(others0) == 0 {
			j.Standing = ratelimit.Lone
		}
		if len(others0) < len(ids) {
			j.Witnesses = append(j.Witnesses, a.ID) // its password in Vault may be another one
		}
	}
	return j
}

// trim keeps the n newest.
func trim(all map[string]int64, n int) {
	for len(all) > n {
		oldest := ""
		for name, at := range all {
			if oldest == "" || at < all[oldest] || at == all[oldest] && name < oldest {
				oldest = name
			}
		}
		delete(all, oldest)
	}
}

// Inquired implements ratelimit.Ledger.
func (l *Ledger) Inquired(_ context.Context, refused bool) (first bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.begin()
	l.state.inquiry = 0
	if !refused {
		return false, nil
	}
	l.state.doubt = now + doubted
	first, l.state.sick = !l.state.sick, true
	return first, nil
}

// Strike implements ratelimit.Ledger.
func (l *Ledger) Strike(_ context.Context, login string) (believed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const apart, enough, believe, logins = 600 * second, 3, 120 * second, 1024
	now := l.begin()
	e, known := l.strikes[login]
	if !known && len(l.strikes) >= logins {
		return false, nil
	}
	if e.last > now {
		e.last, e.believe = now, min(e.believe, now)
	}
	switch {
	case e.believe > now:
		return true, nil
	case e.n > 0 && now-e.last < apart:
		return false, nil
	}
	if e.n, e.last = e.n+1, now; e.n >= enough {
		e.n, e.believe = 0, now+believe
	}
	l.strikes[login] = e
	return e.believe > now, nil
}

// Forget implements ratelimit.Ledger.
func (l *Ledger) Forget(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.works, id)
	return nil
}

// newest are the credentials that vouch for the server, the newest first.
func (l *Ledger) newest() []string {
	return slices.SortedFunc(maps.Keys(l.works), func(a, b string) int {
		return cmp.Or(cmp.Compare(l.works[b], l.works[a]), cmp.Compare(b, a))
	})
}
