package config

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
)

// csvFile reads a credential from each row. The first row names the fields; an empty cell counts as left out.
func (l *loader) csvFile(doc *document, r io.Reader) {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	rows.TrimLeadingSpace = true
	header, ok := csvRow(doc, rows)
	if !ok {
		return
	}
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
	}
	if !csvHeader(doc, rows, names) {
		return
	}
	cells := make([]value, len(names))
	row := &value{doc: doc, kind: object, children: make([]*value, 0, len(names))}
	for {
		record, ok := csvRow(doc, rows)
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
			cells[i] = value{doc: doc, parent: row, name: names[i], at: at, keyAt: at, kind: text, text: cell}
			row.children = append(row.children, &cells[i])
		}
		l.credential(row)
	}
}

// csvHeader reports columns that cannot be taken, once and not in every row.
func csvHeader(doc *document, rows *csv.Reader, names []string) bool {
	good := true
	for i, name := range names {
		line, column := rows.FieldPos(i)
		switch {
		case credentialFields.find(name) < 0:
			doc.failFile(position{line, column}, nearest(name, credentialFields.keys()), "unknown column %q", name)
			good = false
		case slices.Contains(names[:i], name):
			doc.failFile(position{line, column}, "", "column %q is there twice", name)
			good = false
		}
	}
	return good
}

// csvRow returns the next row, or false at the end and after an error, which is reported.
func csvRow(doc *document, rows *csv.Reader) ([]string, bool) {
	record, err := rows.Read()
	if err == nil {
		return record, true
	}
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
	case errors.As(err, &parse):
		doc.failFile(position{parse.Line, parse.Column}, "", "not CSV: %v", parse.Err)
	default:
		doc.failFile(position{}, "", "%v", cause(err))
	}
	return nil, false
}
