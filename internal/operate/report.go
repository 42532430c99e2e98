package operate

import (
	"context"
	"time"

	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
)

// Report is what a report says beside its rows.
type Report struct {
	At time.Time `json:"at"`
	// HistorySince is how far back the history of the rows reaches: what happened before is not kept. It is zero where
	// HistoryUnknown says why there is none.
	HistorySince   time.Time  `json:"history_since,omitzero"`
	HistoryUnknown string     `json:"history_unknown,omitempty"`
	Freezes        freeze.Set `json:"freezes"` // that are not over
	FreezesUnknown string     `json:"freezes_unknown,omitempty"`
}

// Exception is why a credential is not as its policy wants it.
type Exception string

// The exceptions.
const (
	ExceptionLate       Exception = "late"          // its password is older than its schedule says
	ExceptionNever      Exception = "never rotated" // and a person has to begin
	ExceptionOnDemand   Exception = "on demand"     // no schedule: only a person rotates it
	ExceptionUnverified Exception = "unverified"    // no login with its password was seen to work
	ExceptionState      Exception = "state"         // it is not healthy: its state says how
	ExceptionFrozen     Exception = "frozen"
	ExceptionUnread     Exception = "unread" // Vault could not be asked about it
)

// ReportRow is one credential in a report. It holds no secret.
type ReportRow struct {
	Row
	Schedule      string      `json:"schedule"`
	AgeDays       float64     `json:"age_days,omitempty"`
	LateDays      float64     `json:"late_days,omitempty"` // since its schedule asked for a rotation
	QuarantinedAt time.Time   `json:"quarantined_at,omitzero"`
	Exceptions    []Exception `json:"exceptions,omitempty"`
	Unread        string      `json:"unread,omitempty"`  // why Vault could not be asked
	History       []Event     `json:"history,omitempty"` // the oldest first
}

// ReportSum is what a report comes to.
type ReportSum struct {
	Credentials int               `json:"credentials"`
	Exceptions  map[Exception]int `json:"exceptions"`
	OldestDays  float64           `json:"oldest_days"`
	Oldest      string            `json:"oldest,omitempty"`
}

// Report tells of each credential of a query how old its password is, against its schedule; what holds it back; and what
// happened to it as far back as events are kept. States, age and limit of the query do not count. Begin is called first, then show
// with each credential, in the order of the configuration. One that cannot be read is a row as well. Progress is as of Status.
func (d *Desk) Report(ctx context.Context, q Query, begin func(Report) error, show func(ReportRow) error, progress func(read, total int)) (ReportSum, error) {
	sum := ReportSum{Exceptions: map[Exception]int{}}
	creds, err := d.Select(q)
	if err != nil {
		return sum, err
	}
	if d.Truth == nil {
		return sum, errNoTruth
	}
	c, unknown := d.calendar(ctx)
	r := Report{At: d.Clock.Now(), Freezes: c.ahead(d.Clock.Now())}
	if r.Freezes == nil {
		r.Freezes = freeze.Set{}
	}
	if unknown != nil {
		r.FreezesUnknown = unknown.Error()
	}
	history := d.history(ctx, &r)
	if err := begin(r); err != nil {
		return sum, err
	}
	read, total := 0, 0
	for range creds {
		total++
	}
	for row := range inOrder(ctx, creds, func(ctx context.Context, cred *rotation.Credential) ReportRow { return d.reportRow(ctx, c, cred) }) {
		if ctx.Err() != nil {
			return sum, ctx.Err()
		}
		if read++; progress != nil {
			progress(read, total)
		}
		row.History = history[row.Credential]
		sum.add(row)
		if err := show(row); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (s *ReportSum) add(row ReportRow) {
	s.Credentials++
	for _, e := range row.Exceptions {
		s.Exceptions[e]++
	}
	if row.AgeDays > s.OldestDays {
		s.OldestDays, s.Oldest = row.AgeDays, row.Credential
	}
}

// history is what is kept of what happened, by credential, and notes in r how far back that reaches.
func (d *Desk) history(ctx context.Context, r *Report) map[string][]Event {
	if d.Index == nil {
		r.HistoryUnknown = d.Away.Error()
		return nil
	}
	all := map[string][]Event{}
	begins, err := d.Events(ctx, EventQuery{}, func(e Event) error {
		if e.Credential != "" {
			all[e.Credential] = append(all[e.Credential], e)
		}
		return nil
	}, nil)
	switch {
	case err != nil:
		r.HistoryUnknown = err.Error()
	case begins.IsZero():
		r.HistorySince = r.At // nothing is kept
	default:
		r.HistorySince = begins
	}
	return all
}

// reportRow reads one credential.
func (d *Desk) reportRow(ctx context.Context, c calendar, cred *rotation.Credential) ReportRow {
	now := d.Clock.Now()
	seen, err := d.look(ctx, cred)
	if err != nil {
		row := ReportRow{Row: Row{Credential: cred.ID, Account: cred.Account, Strategy: cred.Strategy().String()}, Unread: err.Error()}
		row.Schedule, row.Exceptions = cred.Schedule.String(), []Exception{ExceptionUnread}
		d.file(&row.Row, cred)
		return row
	}
	row := ReportRow{Row: d.row(cred, seen.rec, seen.current, d.lastCheck(ctx, cred), now), Schedule: cred.Schedule.String()}
	row.Frozen = c.of(d, cred).At(now)
	if row.State == Quarantined {
		row.QuarantinedAt = seen.rec.Since
	}
	if row.RotatedAt != nil {
		row.AgeDays = days(now.Sub(*row.RotatedAt))
	}
	if row.Due != nil {
		row.LateDays = days(now.Sub(cred.Schedule.Next(seen.current.Slot, cred.ID)))
	}
	row.Exceptions = row.exceptions()
	return row
}

// days is a span of time in days, to two digits; 0 if it is negative.
func days(d time.Duration) float64 {
	const hundredth = day / 100
	return float64(max(d, 0)/hundredth) / 100
}

func (row *ReportRow) exceptions() (all []Exception) {
	for _, e := range []struct {
		holds bool
		Exception
	}{
		{row.LateDays > 0, ExceptionLate},
		{row.State == Waiting, ExceptionNever},
		{row.OnDemand, ExceptionOnDemand},
		{row.State != Waiting && rotation.Verified(row.Verified) != rotation.VerifiedYes, ExceptionUnverified},
		{row.State != Waiting && row.State != Healthy && row.State != Rotating, ExceptionState},
		{row.Frozen != nil, ExceptionFrozen},
	} {
		if e.holds {
			all = append(all, e.Exception)
		}
	}
	return all
}
