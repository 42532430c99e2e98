package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"keyturn/internal/operate"
)

const (
	// widest is the width of a column beyond which a longer id stands out, so that one does not push all rows apart.
	widest = 48
	// longRead is how many credentials take long enough to read that progress is shown.
	longRead = 200
)

// show prints the rows that a query is about, each as soon as it is read, and says on notes whether there is more.
func (v *view) show(ctx context.Context, d *operate.Desk, q operate.Query, out, notes io.Writer) error {
	creds, err := d.Select(q)
	if err != nil {
		return flagged(err)
	}
	total, id, account := 0, len("CREDENTIAL"), len("ACCOUNT")
	for cred := range creds {
		total++
		id, account = max(id, min(len(cred.ID), widest)), max(account, min(len(cred.Account), widest))
	}
	var p printer = &tablePrinter{out: out, notes: notes, id: id, account: account}
	if v.format == "json" {
		p = &jsonPrinter{out: out}
	}
	bar := newBar(total, "reading", total > longRead)
	defer bar.Clear() //nolint:errcheck // what it showed is over
	shown, err := d.Status(ctx, q, func(r operate.Row) error {
		_ = bar.Clear() // a terminal that is gone must not end the reading
		return p.row(r)
	}, func(int, int) { _ = bar.Add(1) })
	if err != nil {
		return err
	}
	_ = bar.Clear()
	if err := errors.Join(p.end(), printFreezes(notes, shown.Freezes)); err != nil {
		return err
	}
	if shown.Unknown != nil {
		fmt.Fprintf(notes, "freezes may be missing: %v\n", shown.Unknown)
	}
	if shown.Read == shown.Total {
		return nil
	}
	_, err = fmt.Fprintf(notes, "%d shown, %d not read: --after %s shows the next, --limit 0 all\n", shown.Shown, shown.Total-shown.Read, shown.Last)
	return err
}

// newBar shows progress on standard error, where that is a terminal.
func newBar(total int, what string, wanted bool) *progressbar.ProgressBar {
	return progressbar.NewOptions(total, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetVisibility(wanted && term.IsTerminal(int(os.Stderr.Fd()))))
}
