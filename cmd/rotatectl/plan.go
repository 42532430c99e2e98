package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// maxDays bounds the horizon: beyond a year a forecast only repeats itself.
const maxDays = 366

func planCommand(o *options) *cobra.Command {
	days, format, accounts := 30, "table", []string(nil)
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "show how many credentials fall due per day, and whether the rate suffices",
		Long: "Plan reads from the index in Redis when each credential is due, goes on from there by the schedules in the\n" +
			"configuration, and holds it against the rates of the accounts. It changes nothing. Days are in UTC.",
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if days < 1 || days > maxDays {
				return usageError{fmt.Errorf("--days %d: want 1 to %d", days, maxDays)}
			}
			if format != "table" && format != "json" {
				return usageError{fmt.Errorf("-o %s: want table or json", format)}
			}
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if err := knownAccounts(cfg, accounts...); err != nil {
				return err
			}
			rdb, err := app.Redis(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer rdb.Close()
			now, err := queue.NewClient(rdb).Now(cmd.Context())
			if err != nil {
				return err
			}
			plans, err := makePlans(cmd.Context(), cfg, due.NewIndex(rdb), accounts, now, days)
			if err != nil {
				return err
			}
			if format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(plans)
			}
			return printPlans(cmd.OutOrStdout(), plans)
		}),
	}
	cmd.Flags().IntVar(&days, "days", days, "how many days, today being the first")
	cmd.Flags().StringSliceVar(&accounts, "account", nil, "only this `ACCOUNT`; may be repeated")
	cmd.Flags().StringVarP(&format, "output", "o", format, "table or json")
	return cmd
}

// plan is what lies ahead of an account. Its JSON is part of the command's interface.
type plan struct {
	Account     string `json:"account"`
	Credentials int    `json:"credentials"`
	IndexBuilt  bool   `json:"index_built"`
	Missing     int    `json:"missing"` // neither in the index nor waiting for a person: the figures leave them out
	Waiting     int    `json:"waiting"` // were never rotated and wait for a person
	Quarantined int    `json:"quarantined"`
	Missed      int    `json:"missed_window"` // were not served in their window and wait for the next one
	outlook

	calls     int             // of one rotation of each
	readBacks int             // credentials whose drift check is a call too
	servers   map[string]bool // mail servers at which its credentials are verified
	slowest   string          // the one of them that lets fewer go than the account's rate; "" where there is none
	forecast  *forecast
}

// makePlans makes a plan for each account that has credentials, in the order of their names.
func makePlans(ctx context.Context, cfg *config.Config, index *due.Index, accounts []string, now time.Time, days int) ([]*plan, error) {
	plans := map[string]*plan{}
	creds, err := operate.For(cfg, rotation.WallClock{}).Select(operate.Query{Accounts: accounts})
	if err != nil {
		return nil, flagged(err)
	}
	bar := newBar(cfg.Len(), "reading", true)
	defer bar.Clear() //nolint:errcheck // what it showed is over
	err = eachStanding(ctx, index, creds, func(cred *rotation.Credential, s due.Standing) {
		_ = bar.Add(1)
		p := plans[cred.Account]
		if p == nil {
			p = &plan{Account: cred.Account, forecast: newForecast(now, days), servers: map[string]bool{}}
			plans[cred.Account] = p
		}
		p.add(cred, s)
	})
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(plans))
	counts, err := index.Counts(ctx, names...)
	if err != nil {
		return nil, err
	}
	all, mail := make([]*plan, len(names)), mailLoads(cfg)
	for i, name := range names {
		all[i] = plans[name]
		all[i].IndexBuilt = counts[i].Built
		if err := all[i].finish(cfg, mail); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (p *plan) add(cred *rotation.Credential, s due.Standing) {
	p.Credentials++
	p.calls += callsOf(cred)
	if cred.Verify.Mode == rotation.VerifySMTP {
		p.servers[cred.Verify.SMTP.Address] = true
	}
	if cred.Verify.Mode == rotation.VerifyProvider {
		p.readBacks++
	}
	at := s.Due
	if !s.Claimed.IsZero() {
		at = s.Claimed // its due time is only when it would be claimed again
	}
	switch {
	case s.Quarantined:
		p.Quarantined++
	case !at.IsZero():
		served := cred.Schedule.Serve(at, p.forecast.from, cred.ID)
		if served.After(at) {
			p.Missed++
		}
		ahead := p.forecast.ahead(cred.Schedule)
		p.forecast.add(served, func(last time.Time) time.Time { return ahead.Next(last, cred.ID) })
	case cred.First == rotation.FirstManual:
		p.Waiting++
	default:
		p.Missing++
	}
}

// finish holds what falls due against what the account's rate and the budgets of its mail servers leave for rotations.
func (p *plan) finish(cfg *config.Config, mail map[string]mailLoad) error {
	apart, err := spacing(cfg.Accounts[p.Account])
	if err != nil {
		return err
	}
	f := p.forecast
	checks, driftCheck := 0, cfg.Timing.DriftCheck
	for at := driftCheck.Next(f.from, p.Account); p.readBacks+len(p.servers) > 0 && at.Before(f.until); at = driftCheck.Next(at, p.Account) {
		checks++
	}
	others := checks * p.readBacks // calls that are no rotation's
	for _, v := range cfg.Verifications {
		if v.Account == p.Account {
			others += f.visits(v.Schedule, v.Name) * len(v.Addresses)
		}
	}
	calls := time.Hour.Seconds()/apart.Seconds() - float64(others)/f.until.Sub(f.from).Hours()
	perHour := max(0, calls) * float64(p.Credentials) / float64(p.calls)
	for _, address := range slices.Sorted(maps.Keys(p.servers)) {
		// The other accounts with credentials there take their share.
		load := mail[address]
		if can := load.perHour(checks, f.until.Sub(f.from)) * float64(p.Credentials) / float64(load.credentials); can < perHour {
			perHour, p.slowest = can, address
		}
	}
	p.outlook = f.outlook(perHour)
	return nil
}

// printPlans writes a row for each day on which something happens, and then a line for each account.
func printPlans(out io.Writer, plans []*plan) error {
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
			p.busiest(), yesNo(p.RateSuffices), p.ends(), cmp.Or(strings.Join(p.notes(), "; "), "-"))
	}
	return w.Flush()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "NO"
}

func (p *plan) busiest() string {
	if p.Busiest == nil {
		return "-"
	}
	return fmt.Sprintf("%s (%d)", p.Busiest.Day, p.Busiest.Due)
}

func (p *plan) ends() string {
	switch {
	case p.BacklogEnds != nil:
		return p.BacklogEnds.Format("2006-01-02 15:04Z")
	case !p.RateSuffices:
		return fmt.Sprintf("never at this rate: %.0f a day fall due, %.0f a day can go", p.DuePerDay, p.CanGoPerDay)
	}
	return "-"
}

// notes are what the figures do not say.
func (p *plan) notes() []string {
	var notes []string
	if p.slowest != "" && !p.RateSuffices {
		notes = append(notes, "verify.smtp.rate of "+p.slowest+" is the limit")
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
		{p.Missed, "%d missed their window and wait for the next one"},
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
