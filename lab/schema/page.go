package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// page is the reference of the configuration: its tables, by the anchors of their headings.
type page struct {
	tables map[string][]row
	order  []string // the anchors
}

// row is what is said of a field.
type row struct{ field, kind, fallback, meaning string }

var (
	heading = regexp.MustCompile("^#+ `(.+)`$")
	link    = regexp.MustCompile(`\[([^]]*)\]\(([^)]*)\)`)
)

// readPage reads a page. Its tables have the columns field, type, default and meaning, or no default.
func readPage(file string) (*page, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, under := &page{tables: map[string][]row{}}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			under = ""
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			under = anchor(m[1])
			p.order = append(p.order, under)
		}
		if under == "" || !strings.HasPrefix(line, "| `") {
			continue
		}
		r, err := readRow(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, under, err)
		}
		p.tables[under] = append(p.tables[under], r)
	}
	return p, nil
}

func readRow(line string) (row, error) {
	cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "| "), " | ")
	if strings.HasSuffix(line, "| |") { // what is empty at the end was trimmed
		cells = append(cells, "")
	}
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|"))
	}
	r := row{field: strings.Trim(cells[0], "`")}
	switch len(cells) {
	case 4:
		r.kind, r.fallback, r.meaning = cells[1], cells[2], cells[3]
	case 3:
		r.kind, r.meaning = cells[1], cells[2]
	default:
		return r, fmt.Errorf("%s: a row of %d columns", r.field, len(cells))
	}
	r.meaning = strings.TrimSuffix(link.ReplaceAllString(r.meaning, "$1"), ".")
	return r, nil
}

// anchor is how others link to a heading.
func anchor(heading string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case strings.ContainsRune("./`", c):
			return -1
		}
		return c
	}, strings.ToLower(heading))
}
