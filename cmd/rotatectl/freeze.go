package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/config"
	"keyturn/internal/freeze"
	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/vaultkv"
)

// scope is what freeze and thaw were asked about.
type scope struct {
	account string
	all     bool
	filing
	format string
}

func (s *scope) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.account, "account", "", "the credentials of this `ACCOUNT`")
	s.filing.flags(cmd)
	cmd.Flags().BoolVar(&s.all, "all", false, "the whole fleet")
	formatFlag(cmd, &s.format)
}

var errScope = errors.New("say what: --account, --owner, --label, several of them, or --all")

func (s *scope) read() (freeze.Scope, error) {
	of := freeze.Scope{Account: s.account}
	marks, err := s.marks()
	if err != nil {
		return of, err
	}
	if marks != nil {
		of.Owner, of.Labels = marks.Owner, marks.Labels
	}
	if some := s.account != "" || marks != nil; some == s.all {
		return of, usageError{errScope}
	}
	return of, checkFormat(s.format)
}

func freezeCommand(o *options) *cobra.Command {
	s, r, until := &scope{}, operate.FreezeRequest{By: requester()}, ""
	cmd := &cobra.Command{
		Use:   "freeze (--account ACCOUNT | --owner OWNER | --label KEY=VALUE | --all) --until TIME --reason TEXT",
		Short: "hold scheduled rotations back until a time",
		Long: "Freeze has the scheduled rotations of an account, an owner, a label or the whole fleet wait until a time. It is a record\n" +
			"in Vault, which workers and schedulers read once a minute. Open rotations finish, repairs, recoveries and\n" +
			"`rotate --leaked` go on, and `rotate` asks for --force. Another freeze of the same scope takes its place.",
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) (err error) {
			if r.Scope, err = s.read(); err != nil {
				return err
			}
			if _, err := freezeUntil(until, time.Time{}); err != nil { // before anything is connected to
				return err
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			d, done, err := freezeDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			if r.Until, err = freezeUntil(until, d.Clock.Now()); err != nil {
				return err
			}
			f, err := d.Freeze(cmd.Context(), r)
			if err != nil {
				return flagged(err)
			}
			warnUnnoted(f.Unnoted)
			if s.format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(f)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: frozen until %s; credentials: %d. Workers and schedulers know it within a minute\n",
				f.Scope, stamp(f.Until), f.Credentials)
			return err
		}),
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&until, "until", "", "when it ends: a `TIME` (RFC 3339), a date (its midnight in UTC), or so long from now (12h, 7d)")
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for people: a line of `TEXT`")
	return cmd
}

// freezeUntil reads when a freeze ends.
func freezeUntil(text string, now time.Time) (time.Time, error) {
	at, err := operate.ParseUntil(text, now)
	if err != nil {
		return at, usageError{fmt.Errorf("--%w", err)}
	}
	return at, nil
}

func thawCommand(o *options) *cobra.Command {
	s := &scope{}
	cmd := &cobra.Command{
		Use:   "thaw (--account ACCOUNT | --owner OWNER | --label KEY=VALUE | --all)",
		Short: "end a freeze before its time",
		Long: "Thaw ends the freeze of just this scope: --all is the freeze of the whole fleet, not every freeze. It shows which others\n" +
			"are left. What was held back is due, and goes on within some minutes, the longest overdue first.",
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			of, err := s.read()
			if err != nil {
				return err
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			d, done, err := freezeDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			t, err := d.Thaw(cmd.Context(), of, requester())
			if err != nil {
				return errors.Join(flagged(err), printFreezes(cmd.ErrOrStderr(), t.Left))
			}
			warnUnnoted(t.Unnoted)
			if s.format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(t)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: thawed\n", t.Scope)
			return printFreezes(cmd.OutOrStdout(), t.Left)
		}),
	}
	s.flags(cmd)
	return cmd
}

// freezeDesk is a desk for what writes records of freezes, which takes no more than Vault.
func freezeDesk(cmd *cobra.Command, cfg *config.Config) (d *operate.Desk, done func(), err error) {
	return deskOf(cmd, cfg, vaultkv.ReadWrite)
}

func warnUnnoted(err error) {
	if err != nil {
		warn(fmt.Errorf("there is no event of it: %w", err))
	}
}

// printFreezes says what is frozen, and will be.
func printFreezes(out io.Writer, set freeze.Set) error {
	for _, f := range set {
		if _, err := fmt.Fprintln(out, observe.Printable(freezeText(f))); err != nil {
			return err
		}
	}
	return nil
}

// freezeText is a freeze for people.
func freezeText(f freeze.Freeze) string {
	text := f.String() + ": frozen "
	if !f.From.IsZero() {
		text += "from " + stamp(f.From) + " "
	}
	text += "until " + stamp(f.Until) + ": " + f.Reason
	switch {
	case f.Name != "":
		text += " (freezes." + f.Name + ")"
	case f.By != "":
		text += " (" + f.By + ")"
	}
	return text
}
