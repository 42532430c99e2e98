package operate

import (
	"errors"
	"fmt"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// WhatIf is what a plan supposes in place of what the configuration has of an account. Nothing of it is saved.
type WhatIf struct {
	Rates []rotation.Rate // nil: as they are
	Every string          // period of all schedules, within their windows; "": as they are. What rotates on demand alone goes on so
}

// ParseWhatIf reads a rate such as 60/m and a period such as 14d as the configuration has them. It is nil where neither is given.
// Its error says what is wrong with each.
func ParseWhatIf(rate, every string) (*WhatIf, error) {
	if rate == "" && every == "" {
		return nil, nil
	}
	w, problems := &WhatIf{Every: every}, []error(nil)
	if rate != "" {
		r, err := config.ParseRate(rate)
		if err != nil {
			problems = append(problems, fmt.Errorf("rate: %w", err))
		}
		w.Rates = []rotation.Rate{r}
	}
	if every != "" {
		if _, err := schedule.Parse(schedule.Spec{Every: every}); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, &Error{Invalid, err}
	}
	return w, nil
}

// rates are those of an account.
func (w *WhatIf) rates(a *config.Account) []rotation.Rate {
	if w == nil || w.Rates == nil {
		return a.Rates
	}
	return w.Rates
}

// suppose is a credential and its standing with the period that a plan supposes: it counts from the last rotation, as it does when
// the configuration changes.
func (p *planner) suppose(cred *rotation.Credential, s due.Standing) (*rotation.Credential, due.Standing, error) {
	if p.whatIf == nil || p.whatIf.Every == "" || cred.Schedule.IsManual() {
		return cred, s, nil
	}
	other, ok := p.supposed[cred.Schedule]
	if !ok {
		var err error
		if other, err = cred.Schedule.WithPeriod(p.whatIf.Every); err != nil {
			return cred, s, &Error{Invalid, fmt.Errorf("%s: %w", cred.ID, err)}
		}
		p.supposed[cred.Schedule] = other
	}
	supposed := *cred
	supposed.Schedule = other
	if !s.Due.IsZero() && s.Claimed.IsZero() && !s.Shown.RotatedAt.IsZero() {
		s.Due = other.Next(s.Shown.RotatedAt, cred.ID)
	}
	return &supposed, s, nil
}
