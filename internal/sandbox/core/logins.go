package core

// Logins counts the answers of the SMTP server about one target since the start.
type Logins struct {
	OK      int64 `json:"ok"`
	Refused int64 `json:"refused"`
}

// loginAliases are those of every target that a user name may mean.
func (l *Ledger) loginAliases(user string) []string {
	l.mu.RLock()
	found := l.logins[user]
	l.mu.RUnlock()
	names := []string{user}
	for _, e := range found {
		names = append(append(names, e.target), e.names...)
	}
	return names
}

// login says whether the SMTP side accepts password for a user name.
func (l *Ledger) login(user, password string) bool {
	l.mu.RLock()
	found := l.logins[user]
	l.mu.RUnlock()
	for _, e := range found {
		e.mu.Lock()
		serving := e.record.settle(l.now()).Serving
		accepted := serving != "" && serving == password
		if accepted {
			e.asked.OK++
		} else {
			e.asked.Refused++
		}
		e.mu.Unlock()
		if accepted {
			return true
		}
	}
	return false
}

// asked returns what the SMTP side was asked about a target.
func (l *Ledger) asked(target string) Logins {
	e := l.entry(target)
	if e == nil {
		return Logins{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

// called counts a call that would change a target, or that was throttled and so could not.
func (l *Ledger) called(target string, throttled bool) {
	e := l.entry(target)
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if throttled {
		e.throttled++
	} else {
		e.calls++
	}
}

// calls returns how many there were since the start, and how many were throttled.
func (l *Ledger) calls(target string) (calls, throttled int) {
	e := l.entry(target)
	if e == nil {
		return 0, 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls, e.throttled
}
