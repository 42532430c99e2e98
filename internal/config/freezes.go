package config

import (
	"fmt"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/freeze"
)

const timeAdvice = "such as 2026-12-15, 2026-12-15 18:00 or 2026-12-15T18:00:00+01:00"

// rawFreeze is a freeze before its zone is known.
type rawFreeze struct {
	freeze.Freeze
	from, until, zone, account, labels *document.Value
}

var freezeFields = fields[rawFreeze]{
	{"from", func(_ *loader, f *rawFreeze, v *document.Value) { f.from = v }},
	{"until", func(_ *loader, f *rawFreeze, v *document.Value) { f.until = v }},
	{"zone", func(_ *loader, f *rawFreeze, v *document.Value) { f.zone = v }},
	{"reason", func(_ *loader, f *rawFreeze, v *document.Value) { f.Reason = reasonText(v) }},
	{"account", func(_ *loader, f *rawFreeze, v *document.Value) { f.account = v }},
	{"owner", func(_ *loader, f *rawFreeze, v *document.Value) { f.Owner = labelText(v) }},
	{"labels", func(_ *loader, f *rawFreeze, v *document.Value) { f.labels = v }},
}

// freeze reads one window of the calendar of change freezes.
func (l *loader) freeze(v *document.Value) {
	if !checkName(v) {
		return
	}
	raw := rawFreeze{Freeze: freeze.Freeze{Name: v.Name()}}
	freezeFields.decode(l, v, &raw)
	v.Require("from", "until", "reason")
	if raw.account != nil {
		if account := l.accountName(raw.account); account != nil {
			raw.Account = account.Name
		}
	}
	if raw.labels != nil {
		raw.Labels = l.labels(raw.labels)
	}
	if raw.from == nil || raw.until == nil {
		return
	}
	zone := time.UTC
	if raw.zone != nil {
		zone = zoneOf(raw.zone)
	}
	raw.From, raw.Until = timeIn(raw.from, zone), timeIn(raw.until, zone)
	switch {
	case raw.From.IsZero() || raw.Until.IsZero(): // said
	case !raw.Until.After(raw.From):
		raw.until.Fail("a date without a time is the midnight at which it begins", "is not after from, %s", raw.From.Format(time.RFC3339))
	case raw.Until.Sub(raw.From) > freeze.Longest:
		raw.until.Fail("for longer, give the credentials schedule: manual", "is more than a year after from, %s", raw.From.Format(time.RFC3339))
	}
	l.cfg.Freezes = append(l.cfg.Freezes, raw.Freeze)
	if !l.covers(raw.Scope) {
		v.Warn("see owner, labels and account of your credentials", "no credential is filed so: it freezes nothing")
	}
}

// covers tells whether there is a credential in a scope. Freezes are read last.
func (l *loader) covers(scope freeze.Scope) bool {
	for cred := range l.cfg.Credentials() {
		if scope.Covers(cred.Account, l.cfg.Marks(cred)) {
			return true
		}
	}
	return false
}

// labels reads what a freeze selects by.
func (l *loader) labels(v *document.Value) map[string]string {
	m := l.marks(nil, nil, v)
	if m == nil {
		if v.Kind() == document.Object && len(v.Children()) == 0 {
			v.Fail("leave it out", "is empty")
		}
		return nil
	}
	return m.Labels
}

func zoneOf(v *document.Value) *time.Location {
	name := v.Text()
	zone, err := time.LoadLocation(name)
	switch {
	case name == "Local":
		v.Fail("name a zone", "Local differs from machine to machine")
	case name != "" && err != nil:
		v.Fail("", "%q is not an IANA time zone such as Europe/Berlin", name)
	}
	if err != nil || name == "Local" {
		return time.UTC
	}
	return zone
}

// timeIn reads a date, a date with a time, or an instant; zero after an error.
func timeIn(v *document.Value, zone *time.Location) time.Time {
	text := v.Text()
	for _, form := range []string{time.DateOnly, "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t.UTC()
		}
	}
	if text != "" {
		v.Fail(timeAdvice, "%q is not a time", text)
	}
	return time.Time{}
}

func reasonText(v *document.Value) string {
	text := v.Text()
	if !freeze.IsReason(text) {
		v.Fail(fmt.Sprintf("one printable line of at most %d bytes", freeze.MaxReason), "is not a valid reason")
	}
	return text
}
