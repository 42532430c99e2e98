package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"keyturn/internal/rotation"
)

const (
	// readsAtOnce is how many credentials are read from Vault at a time: enough to get on, few enough to leave Vault to
	// the workers.
	readsAtOnce = 16
	// widest is the width of a column beyond which a longer id stands out, so that one does not push all rows apart.
	widest = 48
	// longRead is how many credentials take long enough to read that progress is shown.
	longRead = 200
)

// show prints the rows that v wants, each as soon as it is read, and says on notes whether there is more. It holds no
// more than readsAtOnce rows.
func (v *view) show(ctx context.Context, t truth, creds iter.Seq[*rotation.Credential], out, notes io.Writer) error {
	total, id, account := 0, len("CREDENTIAL"), len("ACCOUNT")
	for cred := range creds {
		total++
		id, account = max(id, min(len(cred.ID), widest)), max(account, min(len(cred.Account), widest))
	}
	var p printer = &tablePrinter{out: out, id: id, account: account}
	if v.format == "json" {
		p = &jsonPrinter{out: out}
	}
	bar := newBar(total, "reading", total > longRead)
	defer bar.Clear() //nolint:errcheck // what it showed is over
	read, shown := 0, 0
	for a := range inOrder(ctx, creds, func(ctx context.Context, cred *rotation.Credential) answer {
		r, wanted, err := t.read(ctx, v, cred)
		return answer{row: r, wanted: wanted, err: err}
	}) {
		if a.err != nil {
			return a.err
		}
		read++
		_ = bar.Add(1) // a terminal that is gone must not end the reading
		if !a.wanted {
			continue
		}
		_ = bar.Clear()
		if err := p.row(a.row); err != nil {
			return err
		}
		if shown++; shown == v.limit {
			if err := p.end(); err != nil || read == total {
				return err
			}
			_ = bar.Clear()
			_, err := fmt.Fprintf(notes, "%d shown, %d not looked at: --after %s shows the next, --limit 0 all\n", shown, total-read, a.row.Credential)
			return err
		}
	}
	return p.end()
}

// newBar shows progress on standard error, where that is a terminal.
func newBar(total int, what string, wanted bool) *progressbar.ProgressBar {
	return progressbar.NewOptions(total, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetVisibility(wanted && term.IsTerminal(int(os.Stderr.Fd()))))
}

// answer is what was read of one credential.
type answer struct {
	row    row
	wanted bool
	err    error
}

// inOrder calls read for each of creds, several at a time, and yields the answers in their order.
func inOrder(ctx context.Context, creds iter.Seq[*rotation.Credential], read func(context.Context, *rotation.Credential) answer) iter.Seq[answer] {
	return func(yield func(answer) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var readers sync.WaitGroup
		defer readers.Wait()
		defer cancel()
		var line []chan answer // of those that are read, the first one asked for first
		next := func() bool {
			a := <-line[0]
			line = line[1:]
			return yield(a)
		}
		for cred := range creds {
			if len(line) == readsAtOnce && !next() {
				return
			}
			out := make(chan answer, 1)
			readers.Go(func() { out <- read(ctx, cred) })
			line = append(line, out)
		}
		for len(line) > 0 {
			if !next() {
				return
			}
		}
	}
}
