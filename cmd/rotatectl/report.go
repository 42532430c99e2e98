package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/due"
	"keyturn/internal/operate"
)

func reportCommand(o *options) *cobra.Command {
	q, of, format := operate.Query{}, &filing{}, ""
	cmd := &cobra.Command{
		Use:   "report",
		Short: "write for an audit how old each password is against its schedule, with exceptions and history",
		Long: "Report writes a row for each credential: the age of its password against its schedule, exceptions, the freeze that holds\n" +
			"it back, its quarantine, and what happened to it as far back as Redis keeps events. It says how far that is.",
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if format != "csv" && format != "json" {
				return usageError{fmt.Errorf("-o %s: want csv or json", format)}
			}
			marks, err := of.marks()
			if err != nil {
				return err
			}
			q.Marks = marks
			cfg, err := o.selecting(q)
			if err != nil {
				return err
			}
			d, done, err := vaultDesk(cmd, cfg)
			if err != nil {
				return err
			}
			defer done()
			return writeReport(cmd, d, q, format)
		}),
	}
	cmd.Flags().StringSliceVar(&q.Accounts, "account", nil, "only credentials of this `ACCOUNT`; may be repeated")
	of.flags(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "csv", "csv or json")
	return cmd
}

func writeReport(cmd *cobra.Command, d *operate.Desk, q operate.Query, format string) error {
	w := reportWriter(&reportCSV{out: csv.NewWriter(cmd.OutOrStdout())})
	if format == "json" {
		w = &reportJSON{out: cmd.OutOrStdout(), rows: jsonPrinter{out: cmd.OutOrStdout()}}
	}
	bar := newBar(-1, "reading", true)
	var head operate.Report
	sum, err := d.Report(cmd.Context(), q, func(r operate.Report) error {
		head = r
		return w.begin(r)
	}, w.row, func(int, int) { _ = bar.Add(1) })
	_ = bar.Clear() // a terminal that is gone must not end the reading
	if err != nil {
		return err
	}
	if err := w.end(sum); err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), reach(head))
	if head.FreezesUnknown != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "freezes may be missing: %s\n", head.FreezesUnknown)
	}
	if n := sum.Exceptions[operate.ExceptionUnread]; n > 0 {
		return fmt.Errorf("%d of %d credentials could not be read", n, sum.Credentials)
	}
	return nil
}

// reach is how far back the history of a report goes.
func reach(r operate.Report) string {
	if r.HistoryUnknown != "" {
		return "there is no history: " + r.HistoryUnknown
	}
	return "the history reaches back to " + stamp(r.HistorySince) + ": nothing is kept of the time before"
}

// reportWriter writes a report piece by piece: a fleet may have a million rows.
type reportWriter interface {
	begin(r operate.Report) error
	row(r operate.ReportRow) error
	end(sum operate.ReportSum) error
}

// reportJSON writes one object. One that was cut off has no end.
type reportJSON struct {
	out  io.Writer
	rows jsonPrinter
}

func (w *reportJSON) begin(r operate.Report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "%s,\"credentials\":\n", strings.TrimSuffix(string(text), "}"))
	return err
}

func (w *reportJSON) row(r operate.ReportRow) error { return w.rows.element(r) }

func (w *reportJSON) end(sum operate.ReportSum) error {
	if err := w.rows.end(); err != nil {
		return err
	}
	text, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, ",\"sum\":%s}\n", text)
	return err
}

// reportCSV writes a table. What stands above and below it in JSON is in columns of its own, because a table has no other
// place for it.
type reportCSV struct {
	out   *csv.Writer
	head  operate.Report
	since string
}

var reportColumns = []string{
	"credential", "account", "owner", "labels", "strategy", "state", "exceptions", "schedule", "rotated_at", "age_days", "due", "late_days",
	"verified", "checked_at", "checked", "quarantined_at", "note", "frozen_until", "frozen_for", "rotations", "quarantines", "last_requested_by",
	"history_since", "report_at",
}

func (w *reportCSV) begin(r operate.Report) error {
	w.head, w.since = r, stamp(r.HistorySince)
	return w.out.Write(reportColumns)
}

func (w *reportCSV) row(r operate.ReportRow) error {
	var exceptions []string
	for _, e := range r.Exceptions {
		exceptions = append(exceptions, string(e))
	}
	var checkedAt, checked, frozenUntil, frozenFor, by string
	if r.Checked != nil {
		checkedAt, checked = stamp(r.Checked.At), r.Checked.Verdict
	}
	if r.Frozen != nil {
		frozenUntil, frozenFor = stamp(r.Frozen.Until), r.Frozen.Reason
	}
	happened := map[string]int{}
	for _, e := range r.History {
		if happened[e.Type]++; e.Type == due.EventRotated {
			by = e.AskedBy
		}
	}
	note := r.Note
	if r.Unread != "" {
		note = r.Unread
	}
	return w.out.Write([]string{
		r.Credential, r.Account, cell(r.Owner), cell(labelsText(r.Labels)), r.Strategy, string(r.State), strings.Join(exceptions, "; "), r.Schedule,
		instant(r.RotatedAt), number(r.AgeDays), instant(r.Due), number(r.LateDays), r.Verified, checkedAt, checked, instant(&r.QuarantinedAt), cell(note),
		frozenUntil, cell(frozenFor), strconv.Itoa(happened[due.EventRotated]), strconv.Itoa(happened[due.EventQuarantined]), cell(by), w.since, stamp(w.head.At),
	})
}

func (w *reportCSV) end(operate.ReportSum) error {
	w.out.Flush()
	return w.out.Error()
}

// cell is a text from outside as a program for tables takes it, which may run what looks like a formula.
func cell(text string) string {
	if text != "" && strings.ContainsAny(text[:1], "=+-@\t\r") {
		return "'" + text
	}
	return text
}

func instant(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return stamp(*t)
}

func number(n float64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(n, 'f', 2, 64)
}
