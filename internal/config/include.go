package config

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keyturn/internal/config/document"
)

// formats reads an included file by the end of its name.
var formats = map[string]func(*loader, *document.File, io.Reader){
	".yaml":   (*loader).list,
	".yml":    (*loader).list,
	".jsonl":  (*loader).lines,
	".ndjson": (*loader).lines,
	".csv":    (*loader).table,
}

// include reads the files of credentials that the patterns match.
func (l *loader) include(patterns *document.Value) { l.matching(patterns, l.includeFile) }

// matching calls read with each file that the patterns match, once and in the order of the patterns, then of the names.
func (l *loader) matching(patterns *document.Value, read func(item *document.Value, file string)) {
	for _, item := range patterns.Items() {
		pattern := l.file(item)
		if pattern == "" {
			continue
		}
		l.cfg.origin.patterns = append(l.cfg.origin.patterns, pattern)
		files, err := glob(pattern)
		switch {
		case err != nil:
			item.Fail("", "is not a valid pattern")
		case len(files) == 0:
			// A mount that is not there must not look like a fleet that was given up.
			item.Fail("patterns are relative to the configuration file", "matches no file")
		}
		for _, file := range files {
			if !slices.Contains(l.cfg.Files, file) {
				read(item, file)
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

func (l *loader) includeFile(item *document.Value, file string) {
	read, ok := formats[strings.ToLower(filepath.Ext(file))]
	if !ok {
		item.Fail("by their names they must be "+strings.Join(keysOf(formats), ", "), "%s is of no known format", file)
		return
	}
	opened := l.open(file)
	f, err := os.Open(file)
	if err != nil {
		opened.FailRead(err)
		return
	}
	defer f.Close()
	read(l, opened, f)
}

// list reads a list of credentials. The whole file is in memory while it is read.
func (l *loader) list(file *document.File, r io.Reader) {
	data, err := io.ReadAll(r)
	if err != nil {
		file.FailRead(err)
		return
	}
	root := readYAML(file, data)
	switch {
	case root == nil || root.Kind() == document.Object && len(root.Children()) == 0:
		return
	case root.Kind() == document.Object:
		root.Fail("without credentials: above it", "must be a list of credentials")
		return
	}
	for _, item := range root.Items() {
		l.credential(item)
	}
}

// lines reads a credential from each line.
func (l *loader) lines(file *document.File, r io.Reader) { document.JSONLines(file, r, l.credential) }

// table reads a credential from each row.
func (l *loader) table(file *document.File, r io.Reader) {
	document.CSV(file, r, credentialFields.keys(), l.credential)
}

func readYAML(file *document.File, data []byte) *document.Value {
	return document.YAML(file, data, "use named policies and schedules, and defaults")
}
