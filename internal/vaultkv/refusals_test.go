package vaultkv

import (
	"fmt"
	"testing"
	"time"

	"keyturn/internal/secret"
)

// lockout counts refused logins as Vault does: a pause of 15 minutes starts again.
type lockout struct {
	count, most int
	last        time.Time
}

func (l *lockout) refuse(now time.Time) {
	if now.After(l.last.Add(15 * time.Minute)) {
		l.count = 0
	}
	l.count, l.last = l.count+1, now
	l.most = max(l.most, l.count)
}

func TestNoProcessTriggersVaultsUserLockout(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]time.Duration{
		"one wrong secret_id": 1000 * time.Hour, "a wrong one every minute": time.Minute, "every hour": time.Hour, "every call": time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r refusals
			var vault lockout
			began, logins := time.Unix(1e9, 0), 0
			for now := began; now.Sub(began) < 24*time.Hour; now = now.Add(time.Second) {
				what := fingerprint("role", secret.New(fmt.Sprint(now.Sub(began)/changes)))
				if r.standing(now, what) != nil {
					continue
				}
				vault.refuse(now)
				logins++
				r.note(now, what, newError("main", opLogin, "auth/approle", ErrLogin))
			}
			if vault.most > 4 {
				t.Errorf("%d refused logins count together, and 5 lock the role", vault.most)
			}
			if logins < 80 {
				t.Errorf("%d logins in a day: what was mended is not found out", logins)
			}
		})
	}
}
