package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"keyturn/internal/observe"
	"keyturn/internal/rotation"
)

// row is one credential's state. It holds no secret.
type row struct {
	Credential string     `json:"credential"`
	Account    string     `json:"account"`
	State      string     `json:"state"`
	Version    int        `json:"version"` // of the secret in Vault; 0: none yet
	RotatedAt  *time.Time `json:"rotated_at,omitempty"`
	Due        *time.Time `json:"due,omitempty"`
	Verified   string     `json:"verified,omitempty"`
	Note       string     `json:"note,omitempty"`
}

func newRow(cred *rotation.Credential, rec rotation.Record, current rotation.Entry) row {
	r := row{Credential: cred.ID, Account: cred.Account, State: journalState(rec), Version: current.Version, Verified: string(current.Verified)}
	if !current.RotatedAt.IsZero() {
		due := cred.Schedule.Next(current.Slot, cred.ID)
		r.RotatedAt, r.Due = &current.RotatedAt, &due
	}
	switch {
	case r.State == stateQuarantined:
		r.Note = plain(rec.Why)
	case r.State != "":
	case current.Password.IsZero():
		r.State = stateWaiting
		if cred.First == rotation.FirstManual {
			r.Note = "never rotated: start with `rotatectl rotate " + cred.ID + "`"
		}
	default:
		r.State = stateHealthy
		if current.Verified == rotation.VerifiedNo {
			r.Note = "promoted unverified"
		}
	}
	return r
}

// journalState is the state of a credential whose journal is not closed; "" where it is, and current decides.
func journalState(rec rotation.Record) string {
	switch {
	case rec.State == rotation.Quarantined:
		return stateQuarantined
	case rec.State == rotation.Open && rec.Doubted:
		return stateInDoubt
	case rec.State == rotation.Open:
		return stateRotating
	}
	return ""
}

// printer shows rows one by one.
type printer interface {
	row(r row) error
	end() error // after the last row
}

// tablePrinter aligns rows by widths that are known before the first of them is read.
type tablePrinter struct {
	out         io.Writer
	id, account int // widths
	begun       bool
}

func (p *tablePrinter) row(r row) error {
	if err := p.head(); err != nil {
		return err
	}
	return p.line(r.Credential, r.Account, r.State, fmt.Sprint(r.Version), when(r.RotatedAt), when(r.Due), r.Verified, r.Note)
}

func (p *tablePrinter) end() error { return p.head() }

func (p *tablePrinter) head() error {
	if p.begun {
		return nil
	}
	p.begun = true
	return p.line("CREDENTIAL", "ACCOUNT", "STATE", "VERSION", "ROTATED", "DUE", "VERIFIED", "NOTE")
}

func (p *tablePrinter) line(id, account, state, version, rotated, due, verified, note string) error {
	verified, note = observe.Printable(verified), shorten(observe.Printable(note), noteWidth)
	text := fmt.Sprintf("%-*s  %-*s  %-11s  %-7s  %-20s  %-20s  %-8s  %s", p.id, id, p.account, account, state, version, rotated, due, verified, note)
	_, err := fmt.Fprintln(p.out, strings.TrimRight(text, " "))
	return err
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// jsonPrinter writes one array with a line for each of its elements. An array that was cut off has no end.
type jsonPrinter struct {
	out   io.Writer
	begun bool
}

func (p *jsonPrinter) row(r row) error {
	before := ",\n"
	if !p.begun {
		before, p.begun = "[", true
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s%s", before, text)
	return err
}

func (p *jsonPrinter) end() error {
	text := "]\n"
	if !p.begun {
		text = "[]\n"
	}
	_, err := io.WriteString(p.out, text)
	return err
}
