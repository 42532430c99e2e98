package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/operate"
)

func planCommand(o *options) *cobra.Command {
	r, of, format := operate.PlanRequest{Days: 30}, &filing{}, ""
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "show how many credentials fall due per day, and whether the rate suffices",
		Long: "Plan reads from the index in Redis when each credential is due, goes on from there by the schedules in the\n" +
			"configuration, and holds it against the rates of the accounts. It changes nothing. Days are in UTC.",
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if r.Days < 1 || r.Days > operate.MaxDays {
				return usageError{fmt.Errorf("--days %d: want 1 to %d", r.Days, operate.MaxDays)}
			}
			if err := checkFormat(format); err != nil {
				return err
			}
			marks, err := of.marks()
			if err != nil {
				return err
			}
			r.Marks = marks
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if err := operate.For(cfg).KnownAccounts(r.Accounts...); err != nil { // before anything is connected to
				return flagged(err)
			}
			d, done, err := redisDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			bar := newBar(cfg.Len(), "reading", true)
			plans, err := d.Plan(cmd.Context(), r, func(int, int) { _ = bar.Add(1) })
			_ = bar.Clear() // a terminal that is gone must not end the reading
			if err != nil {
				return err
			}
			if format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(plans)
			}
			return printPlans(cmd.OutOrStdout(), plans)
		}),
	}
	cmd.Flags().IntVar(&r.Days, "days", r.Days, "how many days, today being the first")
	cmd.Flags().StringSliceVar(&r.Accounts, "account", nil, "only this `ACCOUNT`; may be repeated")
	of.flags(cmd)
	formatFlag(cmd, &format)
	return cmd
}

// printPlans writes a row for each day on which something happens, and then a line for each account.
func printPlans(out io.Writer, plans []operate.Plan) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	rows := 0
	for _, p := range plans {
		for _, d := range p.Days {
			if d.Due == 0 && d.Backlog == 0 {
				continue
			}
			if rows++; rows == 1 {
				fmt.Fprintln(w, "ACCOUNT\tDAY\tDUE\tCAN GO\tBACKLOG")
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\n", p.Account, d.Day, d.Due, d.CanGo, d.Backlog)
		}
	}
	if rows > 0 {
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(w, "ACCOUNT\tCREDENTIALS\tOVERDUE\tDUE\tBUSIEST DAY\tRATE SUFFICES\tBACKLOG ENDS\tNOTE")
	for _, p := range plans {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", p.Account, p.Credentials, p.Overdue, p.Due,
			busiest(p), yesNo(p.RateSuffices), backlogEnds(p), cmp.Or(strings.Join(planNotes(p), "; "), "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printLatest(out, plans)
}

// printLatest names the credentials that change freezes make the latest.
func printLatest(out io.Writer, plans []operate.Plan) error {
	rows, w := 0, tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range plans {
		for _, l := range p.Latest {
			if rows++; rows == 1 {
				fmt.Fprintln(w, "\nACCOUNT\tLATE BY A FREEZE\tDUE\tSTARTS\tLATE BY")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Account, l.Credential, when(&l.Due), when(&l.Starts), about(l.Starts.Sub(l.Due)))
		}
		if more := p.Late - len(p.Latest); more > 0 {
			fmt.Fprintf(w, "%s\tand %d more\n", p.Account, more)
		}
	}
	return w.Flush()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "NO"
}

func busiest(p operate.Plan) string {
	if p.Busiest == nil {
		return "-"
	}
	return fmt.Sprintf("%s (%d)", p.Busiest.Day, p.Busiest.Due)
}

func backlogEnds(p operate.Plan) string {
	switch {
	case p.BacklogEnds != nil:
		return p.BacklogEnds.Format("2006-01-02 15:04Z")
	case !p.RateSuffices:
		return fmt.Sprintf("never at this rate: %.0f a day fall due, %.0f a day can go", p.DuePerDay, p.CanGoPerDay)
	}
	return "-"
}

// planNotes are what the figures do not say.
func planNotes(p operate.Plan) []string {
	var notes []string
	if p.Slowest != "" && !p.RateSuffices {
		notes = append(notes, "verify.smtp.rate of "+p.Slowest+" is the limit")
	}
	if !p.IndexBuilt {
		notes = append(notes, "the index is not built yet: is a scheduler running?")
	}
	for _, n := range []struct {
		count int
		text  string
	}{
		{p.Missing, "%d are missing from the index and left out"},
		{p.Waiting, "%d wait for their first rotation"},
		{p.Quarantined, "%d in quarantine"},
		{p.OnDemand, "%d rotate on demand alone"},
		{p.Retiring, "%d have an identity that waits to be retired"},
		{p.Missed, "%d missed their window and wait for the next one"},
		{p.Frozen, "%d are frozen"},
		{p.Late, "%d fall due in a freeze and grow older than their schedules say"},
	} {
		if n.count > 0 {
			notes = append(notes, fmt.Sprintf(n.text, n.count))
		}
	}
	if p.LargestAt != nil && p.Largest > p.Overdue {
		notes = append(notes, fmt.Sprintf("at most %d are late, on %s", p.Largest, p.LargestAt.Add(-time.Hour).Format(time.DateOnly)))
	}
	return notes
}
