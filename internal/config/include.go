package config

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// formats reads an included file by the end of its name.
var formats = map[string]func(*loader, *document, io.Reader){
	".yaml":   (*loader).yamlFile,
	".yml":    (*loader).yamlFile,
	".jsonl":  (*loader).jsonLines,
	".ndjson": (*loader).jsonLines,
	".csv":    (*loader).csvFile,
}

// include reads the files that the patterns match, each once and in the order of the patterns, then of the names.
func (l *loader) include(patterns *value) {
	for _, item := range patterns.items() {
		pattern := l.file(item)
		if pattern == "" {
			continue
		}
		l.cfg.origin.patterns = append(l.cfg.origin.patterns, pattern)
		files, err := glob(pattern)
		switch {
		case err != nil:
			item.fail("", "is not a valid pattern")
		case len(files) == 0:
			// A mount that is not there must not look like a fleet that was given up.
			item.fail("patterns are relative to the configuration file", "matches no file")
		}
		for _, file := range files {
			if !slices.Contains(l.cfg.Files, file) {
				l.includeFile(item, file)
			}
		}
	}
}

// glob returns the files that match a pattern, in order.
func glob(pattern string) ([]string, error) {
	found, err := filepath.Glob(pattern)
	return slices.DeleteFunc(found, func(file string) bool { return hidden(pattern, file) }), err
}

// hidden reports that a file, or a folder above it, begins with a dot that the pattern does not spell out. As in a shell
// a wildcard does not match those: they are an editor's locks and Kubernetes' older versions.
func hidden(pattern, file string) bool {
	parts := strings.Split(filepath.ToSlash(filepath.Clean(file)), "/")
	for i, wanted := range strings.Split(filepath.ToSlash(filepath.Clean(pattern)), "/") {
		if i < len(parts) && strings.HasPrefix(parts[i], ".") && strings.ContainsAny(wanted[:min(1, len(wanted))], "*?[") {
			return true
		}
	}
	return false
}

func (l *loader) includeFile(item *value, file string) {
	read, ok := formats[strings.ToLower(filepath.Ext(file))]
	if !ok {
		item.fail("by their names they must be "+strings.Join(keysOf(formats), ", "), "%s is of no known format", file)
		return
	}
	doc := l.open(file)
	f, err := os.Open(file)
	if err != nil {
		doc.failFile(position{}, "", "%v", cause(err))
		return
	}
	defer f.Close()
	read(l, doc, f)
}

// yamlFile reads a list of credentials. The whole file is in memory while it is read.
func (l *loader) yamlFile(doc *document, r io.Reader) {
	data, err := io.ReadAll(r)
	if err != nil {
		doc.failFile(position{}, "", "%v", cause(err))
		return
	}
	root := parseRoot(doc, data)
	switch {
	case root == nil || root.kind == object && len(root.children) == 0:
		return
	case root.kind == object:
		root.fail("without credentials: above it", "must be a list of credentials")
		return
	}
	for _, item := range root.items() {
		l.credential(item)
	}
}

// maxLine is the longest line of JSON Lines, in bytes.
const maxLine = 1 << 20

// jsonLines reads an object for each line.
func (l *loader) jsonLines(doc *document, r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	p := jsonLine{doc: doc}
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimPrefix(lines.Text(), "\ufeff")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if v, ok := p.parse(line, n); ok {
			l.credential(v)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		doc.failFile(position{n + 1, 1}, "", "the line is longer than %d bytes", maxLine)
	case err != nil:
		doc.failFile(position{n + 1, 1}, "", "%v", cause(err))
	}
}
