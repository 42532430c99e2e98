package document

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// CSV calls each with an object for each row. The first row names the fields, which must be among known; an empty cell
// counts as left out. The object is used again by the next row.
func CSV(f *File, r io.Reader, known []string, each func(*Value)) {
	rows, err := NewCSV(r)
	if err != nil {
		f.failAt(position{1, 1}, "save it as UTF-8", "%v", err)
		return
	}
	rows.ReuseRecord = true
	header, ok := csvRow(f, rows)
	if !ok {
		return
	}
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = strings.TrimSpace(name)
	}
	if !csvHeader(f, rows, names, known) {
		return
	}
	cells := make([]Value, len(names))
	row := &Value{file: f, kind: Object, children: make([]*Value, 0, len(names))}
	for {
		record, ok := csvRow(f, rows)
		if !ok {
			return
		}
		row.children = row.children[:0]
		for i, cell := range record {
			line, column := rows.FieldPos(i)
			if i == 0 {
				row.at = position{line, column}
			}
			if cell == "" {
				continue
			}
			at := position{line, column}
			if !utf8.ValidString(cell) {
				f.failAt(at, "save it as UTF-8", "column %q is not valid UTF-8", names[i])
				continue
			}
			cells[i] = Value{file: f, parent: row, name: names[i], at: at, keyAt: at, kind: Text, text: cell}
			row.children = append(row.children, &cells[i])
		}
		each(row)
	}
}

// ErrWide is a table in UTF-16, which a spreadsheet calls Unicode text.
var ErrWide = errors.New("is UTF-16, not UTF-8")

// NewCSV reads a table as spreadsheets and PowerShell write it: a byte order mark may stand before it, also before a
// quotation mark, and lines that begin with '#' are skipped (Export-Csv begins with one).
func NewCSV(r io.Reader) (*csv.Reader, error) {
	text := bufio.NewReader(r)
	switch start, _ := text.Peek(3); { // an error comes back with the first row
	case string(start) == "\ufeff":
		_, _ = text.Discard(3)
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}), bytes.IndexByte(start, 0) >= 0:
		return nil, ErrWide
	}
	rows := csv.NewReader(text)
	rows.TrimLeadingSpace = true
	rows.Comment = '#'
	return rows, nil
}

// csvHeader reports columns that cannot be taken, once and not in every row.
func csvHeader(f *File, rows *csv.Reader, names, known []string) bool {
	if len(names) == 1 && strings.ContainsAny(names[0], ";\t") {
		line, column := rows.FieldPos(0)
		f.failAt(position{line, column}, "export it with commas", "its columns are not separated by commas")
		return false
	}
	good := true
	for i, name := range names {
		line, column := rows.FieldPos(i)
		switch {
		case !slices.Contains(known, name):
			f.failAt(position{line, column}, Nearest(name, known), "unknown column %q", name)
			good = false
		case slices.Contains(names[:i], name):
			f.failAt(position{line, column}, "", "column %q is defined twice", name)
			good = false
		}
	}
	return good
}

// csvRow returns the next row, or false at the end and after an error, which is reported.
func csvRow(f *File, rows *csv.Reader) ([]string, bool) {
	record, err := rows.Read()
	if err == nil {
		return record, true
	}
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
	case errors.As(err, &parse):
		f.failAt(position{parse.Line, parse.Column}, "", "not CSV: %v", parse.Err)
	default:
		f.FailRead(err)
	}
	return nil, false
}
