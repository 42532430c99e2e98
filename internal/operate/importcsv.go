package operate

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"keyturn/internal/config/document"
)

var columns = []string{"target", "id", "account", "path", "username", "second_target", "second_username"}

// parseTable reads a credential from each row. Account is that of rows that name none. It returns all rows that can be
// read, and an error that names every mistake with file and line.
func parseTable(r io.Reader, file, account string) ([]Imported, error) {
	rows, err := document.NewCSV(r)
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w: save it as UTF-8", file, err)
	}
	t := &tableReader{file: file, rows: rows}
	if t.heading(); len(t.problems) > 0 {
		return nil, errors.Join(t.problems...) // rows under it would mean nothing
	}
	var found []Imported
	for {
		row, more := t.next()
		if !more {
			return found, errors.Join(t.problems...)
		}
		line, _ := t.rows.FieldPos(0)
		c := Imported{Account: account, from: fmt.Sprintf("%s:%d", file, line)}
		for i, name := range t.names {
			c.set(name, strings.TrimSpace(row[i]))
		}
		found = append(found, c)
	}
}

type tableReader struct {
	file     string
	rows     *csv.Reader
	names    []string
	problems []error
}

func (t *tableReader) fail(line int, format string, args ...any) {
	t.problems = append(t.problems, fmt.Errorf("%s:%d: %s", t.file, line, fmt.Sprintf(format, args...)))
}

// next returns the next row that can be read; those that cannot are noted.
func (t *tableReader) next() ([]string, bool) {
	for {
		row, err := t.rows.Read()
		var parse *csv.ParseError
		switch {
		case err == nil:
			return row, true
		case errors.Is(err, io.EOF):
			return nil, false
		case errors.As(err, &parse):
			t.fail(parse.Line, "%v", parse.Err)
			if !errors.Is(err, csv.ErrFieldCount) {
				return nil, false // where the next row begins is anybody's guess
			}
		default:
			t.problems = append(t.problems, err)
			return nil, false
		}
	}
}

func (t *tableReader) heading() {
	row, more := t.next()
	for _, name := range row {
		name = strings.TrimSpace(name)
		switch {
		case !slices.Contains(columns, name):
			t.fail(1, "unknown column %q: want some of %s", name, strings.Join(columns, ", "))
		case slices.Contains(t.names, name):
			t.fail(1, "column %q is defined twice", name)
		}
		t.names = append(t.names, name)
	}
	if more && !slices.Contains(t.names, "target") {
		t.fail(1, "no column target")
	}
	if !more && len(t.problems) == 0 {
		t.fail(1, "is empty: want a heading with the column target")
	}
}

func (c *Imported) set(column, value string) {
	switch column {
	case "id":
		c.ID = value
	case "account":
		if value != "" {
			c.Account = value
		}
	case "target":
		c.Target = value
	case "path":
		c.Path = value
	case "username":
		c.Username = value
	case "second_target":
		c.second.Target = value
	case "second_username":
		c.second.Username = value
	}
}
