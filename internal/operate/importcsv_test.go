package operate

import (
	"errors"
	"strings"
	"testing"

	"keyturn/internal/config/document"
)

func TestImportReadsATableAsSpreadsheetsWriteIt(t *testing.T) {
	t.Parallel()
	for _, table := range []string{
		"\ufeff\"target\",\"username\"\r\n\"a@example.com\",\"a\"\r\n",
		"\ufeff#TYPE System.Management.Automation.PSCustomObject\r\n\"target\",\"username\"\r\n\"a@example.com\",\"a\"\r\n",
		"\ufefftarget,username\na@example.com,a\n",
	} {
		rows, err := parseTable(strings.NewReader(table), "fleet.csv", "ses")
		if err != nil || len(rows) != 1 || rows[0].Target != "a@example.com" || rows[0].Username != "a" {
			t.Errorf("%q: got %+v, %v", table, rows, err)
		}
	}
	if _, err := parseTable(strings.NewReader("\xff\xfet\x00"), "fleet.csv", "ses"); !errors.Is(err, document.ErrWide) {
		t.Errorf("UTF-16: got %v", err)
	}
}
