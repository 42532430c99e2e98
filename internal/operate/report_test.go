package operate_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// reportOf is the report about the stage's one credential.
func reportOf(t *testing.T, d *operate.Desk) (operate.Report, operate.ReportRow, operate.ReportSum) {
	t.Helper()
	var head operate.Report
	var row operate.ReportRow
	sum, err := d.Report(t.Context(), operate.Query{}, func(r operate.Report) error { head = r; return nil },
		func(r operate.ReportRow) error { row = r; return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return head, row, sum
}

func TestAReportHoldsAgeAgainstTheScheduleAndNamesExceptions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(s *stage, now time.Time)
		age     float64
		late    bool
		want    []operate.Exception
	}{
		"in time": {func(s *stage, now time.Time) {
			s.current.RotatedAt, s.current.Slot = now.Add(-12*time.Hour), now.Add(-12*time.Hour)
		}, 0.5, false, nil},
		"late": {
			func(s *stage, now time.Time) {
				s.current.RotatedAt, s.current.Slot = now.AddDate(0, 0, -3), now.AddDate(0, 0, -3)
			},
			3, true,
			[]operate.Exception{operate.ExceptionLate},
		},
		"unproven, on demand": {
			func(s *stage, now time.Time) {
				s.current.RotatedAt, s.current.Verified, s.cred.Schedule = now.AddDate(0, 0, -90), rotation.VerifiedNo, schedule.Manual
			}, 90, false, []operate.Exception{operate.ExceptionOnDemand, operate.ExceptionUnverified},
		},
		"never": {func(s *stage, _ time.Time) { s.current = rotation.Entry{} }, 0, false, []operate.Exception{operate.ExceptionNever}},
		"in quarantine": {
			func(s *stage, now time.Time) {
				s.current.RotatedAt, s.current.Slot = now, now
				s.rec = rotation.Record{Version: 2, State: rotation.Quarantined, Since: now}
			}, 0, false, []operate.Exception{operate.ExceptionState},
		},
		"away": {func(s *stage, _ time.Time) { s.vault = errors.New("sealed") }, 0, false, []operate.Exception{operate.ExceptionUnread}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			promote(time.Now())(s)
			s.current.Verified = rotation.VerifiedYes
			test.prepare(s, time.Now())
			_, row, sum := reportOf(t, s.desk())
			if row.AgeDays != test.age || row.LateDays > 0 != test.late || !slices.Equal(row.Exceptions, test.want) {
				t.Errorf("%s: %.2f days old, %.2f late, %q; want %+v", name, row.AgeDays, row.LateDays, row.Exceptions, test)
			}
			if sum.Credentials != 1 || len(sum.Exceptions) != len(test.want) || sum.OldestDays != test.age {
				t.Errorf("%s: %+v", name, sum)
			}
			if (row.State == operate.Quarantined) == row.QuarantinedAt.IsZero() {
				t.Errorf("%s: in quarantine since %s", name, row.QuarantinedAt)
			}
		})
	}
}

func TestAReportSaysHowFarItsHistoryReaches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, first := newStage(t), time.Now().Add(-time.Hour)
		d := s.desk()
		d.Index = &stream{Index: s, first: []due.Event{happened("1-0", first)}, answers: []answered{{events: []due.Event{
			happened("1-0", first, "type", "rotated", "credential", "alerts"), happened("2-0", first, "type", "rotated", "credential", "other"),
		}}}}
		head, row, _ := reportOf(t, d)
		if !head.HistorySince.Equal(first) || head.HistoryUnknown != "" || len(row.History) != 1 {
			t.Errorf("%+v, %+v", head, row.History)
		}
		d.Index = &stream{Index: s}
		if head, row, _ := reportOf(t, d); !head.HistorySince.Equal(head.At) || len(row.History) != 0 {
			t.Errorf("nothing is kept: %+v", head)
		}
		d.Index, d.Away = nil, errors.New("redis is away")
		if head, _, _ := reportOf(t, d); head.HistoryUnknown != "redis is away" || !head.HistorySince.IsZero() {
			t.Errorf("redis is away: %+v", head)
		}
	})
}

func TestAReportHasTheFreezesThatAreNotOver(t *testing.T) {
	t.Parallel()
	withFreezes(t, []string{"default"}, func(t *testing.T, _ *stage, d *operate.Desk, l *ledger) {
		t.Helper()
		l.sets["default"] = freeze.Set{{Scope: ofShop, Until: time.Now().Add(time.Hour), Reason: "audit"}, {Until: time.Now()}}
		head, row, _ := reportOf(t, d)
		if len(head.Freezes) != 1 || row.Frozen == nil || !slices.Contains(row.Exceptions, operate.ExceptionFrozen) {
			t.Errorf("%+v, %+v", head, row)
		}
		l.away = "default"
		if head, _, _ := reportOf(t, d); head.FreezesUnknown != fmt.Sprint(errAway) {
			t.Errorf("away: %+v", head)
		}
	})
}
