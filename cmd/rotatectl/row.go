package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"keyturn/internal/observe"
	"keyturn/internal/operate"
)

// printer shows rows one by one.
type printer interface {
	row(r operate.Row) error
	end() error // after the last row
}

// tablePrinter aligns rows by widths that are known before the first of them is read. What holds their accounts back comes
// after them, on notes.
type tablePrinter struct {
	out, notes  io.Writer
	id, account int // widths
	begun       bool
	held        []operate.Row // one of each account that is held back
}

func (p *tablePrinter) row(r operate.Row) error {
	if err := p.head(); err != nil {
		return err
	}
	if r.Held != nil && !slices.ContainsFunc(p.held, func(h operate.Row) bool { return h.Account == r.Account }) {
		p.held = append(p.held, r)
	}
	note := r.Note
	if r.Manual {
		note += ": start with `rotatectl rotate " + r.Credential + "`"
	}
	return p.line(r.Credential, r.Account, string(r.State), fmt.Sprint(r.Version), when(r.RotatedAt), when(r.Due), r.Verified, checked(r.Checked), note)
}

func (p *tablePrinter) end() error {
	if err := p.head(); err != nil {
		return err
	}
	for _, r := range p.held {
		texts := pauses(r.Account, *r.Held)
		if b := r.Held.Breaker; b != nil {
			texts = append([]string{fmt.Sprintf("the breaker of account %s is open since %s: %s; next try at %s", r.Account, stamp(b.Since), b.Cause, stamp(b.Next))}, texts...)
		}
		for _, text := range texts {
			if _, err := fmt.Fprintln(p.notes, observe.Printable(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *tablePrinter) head() error {
	if p.begun {
		return nil
	}
	p.begun = true
	return p.line("CREDENTIAL", "ACCOUNT", "STATE", "VERSION", "ROTATED", "DUE", "VERIFIED", "CHECKED", "NOTE")
}

func (p *tablePrinter) line(id, account, state, version, rotated, due, verified, checked, note string) error {
	verified, note = observe.Printable(verified), shorten(observe.Printable(note), noteWidth)
	text := fmt.Sprintf("%-*s  %-*s  %-11s  %-7s  %-20s  %-20s  %-10s  %-28s  %s", p.id, id, p.account, account, state, version, rotated, due, verified, checked, note)
	_, err := fmt.Fprintln(p.out, strings.TrimRight(text, " "))
	return err
}

// checked is the last check in a table: its verdict, and when.
func checked(c *operate.Checked) string {
	if c == nil {
		return "-"
	}
	return observe.Printable(c.Verdict) + " " + when(&c.At)
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

func (p *jsonPrinter) row(r operate.Row) error { return p.element(r) }

func (p *jsonPrinter) element(of any) error {
	before := ",\n"
	if !p.begun {
		before, p.begun = "[", true
	}
	text, err := json.Marshal(of)
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
