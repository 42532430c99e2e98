package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/internal/duration"
	"keyturn/internal/operate"
)

// stateFlags are the states as --state takes them: a flag's value has no space in it.
var stateFlags = func() []string {
	flags := make([]string, len(operate.States))
	for i, state := range operate.States {
		flags[i] = strings.ReplaceAll(string(state), " ", "-")
	}
	return flags
}()

// page is how many rows a table has unless --limit says otherwise.
const page = 100

// view is what status was asked to show.
type view struct {
	accounts, states []string
	filing
	olderThan string
	limit     int // 0: all
	after     string
	format    string
}

func statusCommand(o *options) *cobra.Command {
	v := &view{}
	cmd := &cobra.Command{
		Use:   "status [ID...]",
		Short: "show the state of credentials, as Vault has it",
		Long: "Status reads the named credentials, or all, from Vault and shows each as soon as it is read, in the order of the\n" +
			"configuration. Filters are combined: all of them must hold. A table without ids ends after a page.",
		RunE: runs(func(cmd *cobra.Command, ids []string) error {
			if !cmd.Flags().Changed("limit") && v.format == "table" && len(ids) == 0 {
				v.limit = page
			}
			q, err := v.query(ids)
			if err != nil {
				return err
			}
			cfg, err := o.selecting(q)
			if err != nil {
				return err
			}
			d, done, err := vaultDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			if d.Away != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "the last checks, and what holds accounts back, are not shown: %v\n", d.Away)
			}
			return v.show(cmd.Context(), d, q, cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
	cmd.Flags().StringSliceVar(&v.accounts, "account", nil, "only credentials of this `ACCOUNT`; may be repeated")
	cmd.Flags().StringSliceVar(&v.states, "state", nil, "only credentials in this `STATE`, "+strings.Join(stateFlags, ", ")+"; may be repeated")
	v.flags(cmd)
	cmd.Flags().StringVar(&v.olderThan, "older-than", "", "only passwords of at least this `AGE`, such as 30d or 12h, and what was never rotated")
	cmd.Flags().IntVar(&v.limit, "limit", 0, fmt.Sprintf("end after `N` rows, 0 for all (default %d for a table without ids)", page))
	cmd.Flags().StringVar(&v.after, "after", "", "begin after this `ID`, the last of the page before")
	formatFlag(cmd, &v.format)
	return cmd
}

// query is what the flags ask for. It refuses what no configuration could make sense of.
func (v *view) query(ids []string) (operate.Query, error) {
	q := operate.Query{IDs: ids, Accounts: v.accounts, After: v.after, Limit: v.limit}
	if err := checkFormat(v.format); err != nil {
		return q, err
	}
	if v.limit < 0 {
		return q, usageError{fmt.Errorf("--limit %d: want 0 or more", v.limit)}
	}
	if v.after != "" && len(ids) > 0 {
		return q, usageError{fmt.Errorf("--after %s: goes with a list of all credentials, not with ids", v.after)}
	}
	marks, err := v.marks()
	if err != nil {
		return q, err
	}
	q.Marks = marks
	for _, name := range v.states {
		i := slices.Index(stateFlags, name)
		if i < 0 {
			return q, usageError{fmt.Errorf("--state %s: want one of %s", name, strings.Join(stateFlags, ", "))}
		}
		q.States = append(q.States, operate.States[i])
	}
	if v.olderThan != "" {
		age, err := duration.Parse(v.olderThan)
		if err != nil {
			return q, usageError{fmt.Errorf("--older-than %w", err)}
		}
		q.OlderThan = age
	}
	return q, nil
}

// flagged names the flag that an error of operate is about.
func flagged(err error) error {
	var account *operate.AccountError
	if errors.As(err, &account) {
		return usageError{fmt.Errorf("--account %s: want one of %s", account.Name, strings.Join(account.Known, ", "))}
	}
	return err
}
