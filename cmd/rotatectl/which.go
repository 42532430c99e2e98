package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"keyturn/internal/config"
	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/secret"
)

// search is what which was asked to do.
type search struct {
	accounts []string
	filing
	stdin  bool
	format string
}

func whichCommand(o *options) *cobra.Command {
	s := &search{}
	cmd := &cobra.Command{
		Use:   "which [ID...] --stdin",
		Short: "tell which credential a leaked password belongs to; it is read from standard input",
		Long: "Which compares a password with all that Vault holds of the named credentials, or of all: the secret and its journal,\n" +
			"of now and of before, as far as Vault keeps versions. It reads the password from standard input, never from the\n" +
			"command line, where everybody on the machine could see it, and keeps nothing of it. That it was asked for is an event.",
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			q := operate.Query{IDs: ids, Accounts: s.accounts}
			in, terminal := cmd.InOrStdin().(*os.File)
			if terminal = terminal && term.IsTerminal(int(in.Fd())); !s.stdin && !terminal {
				return usageError{errors.New("which needs --stdin, with the password on standard input")}
			}
			if err := checkFormat(s.format); err != nil {
				return err
			}
			marks, err := s.marks()
			if err != nil {
				return err
			}
			q.Marks = marks
			cfg, err := o.selecting(q)
			if err != nil {
				return err
			}
			password, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return s.run(cmd, cfg, q, password)
		}),
	}
	cmd.Flags().BoolVar(&s.stdin, "stdin", false, "read the password from standard input; without it, a terminal is asked")
	cmd.Flags().StringSliceVar(&s.accounts, "account", nil, "only credentials of this `ACCOUNT`; may be repeated")
	s.flags(cmd)
	formatFlag(cmd, &s.format)
	return cmd
}

// errNoMatch is a password that Vault does not hold, as far as it was read.
var errNoMatch = errors.New("no credential that was read has, or had, this password")

func (s *search) run(cmd *cobra.Command, cfg *config.Config, q operate.Query, password secret.Value) error {
	d, done, err := vaultDesk(cmd, cfg)
	if err != nil {
		return err
	}
	defer done()
	creds, err := d.Select(q)
	if err != nil {
		return flagged(err)
	}
	total := 0
	for range creds {
		total++
	}
	bar := newBar(total, "reading", total > longRead)
	show, end := s.printer(cmd.OutOrStdout())
	found, err := d.Which(cmd.Context(), q, password, requester(), func(m operate.Match) error {
		_ = bar.Clear() // a terminal that is gone must not end the search
		return show(m)
	}, func(int, int) { _ = bar.Add(1) })
	_ = bar.Clear()
	if err == nil {
		err = end()
	}
	if found.Unnoted != nil {
		warn(fmt.Errorf("there is no event of this search: %w", found.Unnoted))
	}
	problems := append([]error{err}, found.Problems...)
	if more := found.Unread - len(found.Problems); more > 0 {
		problems = append(problems, fmt.Errorf("%d more could not be read", more))
	}
	if err == nil && found.Shown == 0 {
		problems = append(problems, fmt.Errorf("%w (%d of %d read)", errNoMatch, found.Read-found.Unread, found.Total))
	}
	return errors.Join(problems...)
}

func (s *search) printer(out io.Writer) (show func(operate.Match) error, end func() error) {
	if s.format == "json" {
		p := &jsonPrinter{out: out}
		return func(m operate.Match) error { return p.element(m) }, p.end
	}
	return func(m operate.Match) error {
		_, err := fmt.Fprintln(out, observe.Printable(told(m)))
		return err
	}, func() error { return nil }
}

// told is a match for people.
func told(m operate.Match) string {
	text := fmt.Sprintf("%s (account %s, target %s): ", m.Credential, m.Account, m.Target)
	where := "its journal"
	if m.Version > 0 {
		where = fmt.Sprintf("version %d of the secret", m.Version)
	}
	if m.RotationID != "" {
		where += ", rotation " + m.RotationID
	}
	if m.RotatedAt != nil {
		where += ", " + stamp(*m.RotatedAt)
	}
	text += where + ": "
	switch m.Life {
	case operate.InUse:
		text += "consumers use it now"
	case operate.Unsure:
		text += "it may log in: the rotation is not over"
	case operate.Valid:
		text += "consumers do not read it any more, and nothing shows that it is dead"
		if m.Until != nil {
			text += "; it is retired at " + stamp(*m.Until) + " or later"
		}
	case operate.Replaced:
		if m.DeadSince == nil {
			return text + "it was replaced; Vault does not tell when"
		}
		return text + "dead since " + stamp(*m.DeadSince)
	}
	return text + ": `rotatectl rotate --leaked " + m.Credential + "`"
}
