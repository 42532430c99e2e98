package operate

import (
	"bytes"
	"encoding/csv"
	"reflect"
	"strings"
	"testing"
)

// FuzzTable reads tables for import: each mistake has its line, and what was read is read again as the same.
func FuzzTable(f *testing.F) {
	for _, seed := range []string{
		"target\nalerts@example.com\n",
		"\ufeff\"target\",\"id\"\r\n\"a@example.com\",\"a\"\r\n",
		"\ufefftarget,id,account,path,username\n a@example.com , one,ses,mail/one,\"a, b\"\n",
		"id\nx\n", "target,target\nx\n", "target\n\"", "target\na,b\n\nc\n", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		rows, err := parseTable(strings.NewReader(data), "fleet.csv", "ses")
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "fleet.csv:") {
					t.Errorf("%q names no place", line)
				}
			}
			return
		}
		var again bytes.Buffer
		w := csv.NewWriter(&again)
		table := [][]string{columns}
		for _, c := range rows {
			table = append(table, []string{c.Target, c.ID, c.Account, c.Path, c.Username, c.second.Target, c.second.Username})
		}
		if err := w.WriteAll(table); err != nil {
			t.Fatal(err)
		}
		twice, err := parseTable(&again, "fleet.csv", "ses")
		if err != nil || len(twice) != len(rows) {
			t.Fatalf("%d rows were read again as %d: %v", len(rows), len(twice), err)
		}
		for i, c := range twice {
			if c.from = rows[i].from; !reflect.DeepEqual(c, rows[i]) {
				t.Errorf("%+v was read again as %+v", rows[i], c)
			}
		}
	})
}
