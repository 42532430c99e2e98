package main

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/operate"
	"keyturn/internal/sandbox/core"
)

func TestAReportHasEachCredentialWithItsExceptionsAndItsHistory(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	done, never := s.SES("done", "owner: payments", "labels: {tier: gold}"), s.SES("never", "first: manual")
	lost := s.SES("lost", "owner: '=HYPERLINK(\"x\")'")
	s.Fault(lost, core.NotFound, func(f *core.Fault) { f.Count = -1 })
	s.Configure(apptest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	s.Until("one is rotated and one is in quarantine", func() bool { return s.Settled(done, 1) && s.Journal(lost).State == "quarantined" })

	out, status := s.Ctl("report", "-o", "csv")
	if status != 0 || !strings.Contains(out, "the history reaches back to 20") {
		t.Fatalf("%d: %s", status, out)
	}
	table, _, _ := strings.Cut(out, "the history reaches")
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%v: %s", err, out)
	}
	value := func(row int, column string) string {
		for i, name := range rows[0] {
			if name == column {
				return rows[row][i]
			}
		}
		t.Fatalf("no column %s", column)
		return ""
	}
	for i, want := range []map[string]string{
		{"credential": done.ID, "owner": "payments", "labels": "tier=gold", "state": "healthy", "exceptions": "", "verified": "yes", "rotations": "1"},
		{"credential": never.ID, "state": "waiting", "exceptions": "never rotated", "rotated_at": "", "rotations": "0"},
		{"credential": lost.ID, "owner": `'=HYPERLINK("x")`, "state": "quarantined", "exceptions": "unverified; state", "quarantines": "1"},
	} {
		for column, text := range want {
			if got := value(i+1, column); got != text {
				t.Errorf("%s of row %d is %q, want %q", column, i+1, got, text)
			}
		}
		if value(i+1, "history_since") == "" || value(i+1, "report_at") == "" {
			t.Errorf("row %d does not say how far its history reaches, and of when it is", i+1)
		}
	}

	out, status = s.Ctl("report", "--owner", "payments", "-o", "json")
	text, _, _ := strings.Cut(out, "the history reaches")
	var report struct {
		operate.Report
		Credentials []operate.ReportRow
		Sum         operate.ReportSum
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil || status != 0 {
		t.Fatalf("%d, %v: %s", status, err, out)
	}
	if len(report.Credentials) != 1 || report.Sum.Credentials != 1 || report.HistorySince.IsZero() || time.Since(report.At) > time.Hour {
		t.Fatalf("%+v", report)
	}
	if r := report.Credentials[0]; r.Credential != done.ID || len(r.History) != 1 || r.History[0].Type != "rotated" || r.Owner != "payments" || r.Schedule == "" {
		t.Errorf("%+v", r)
	}
	if out, status := s.Ctl("report", "-o", "xml"); status != 2 || !strings.Contains(out, "want csv or json") {
		t.Errorf("%d: %s", status, out)
	}
}
