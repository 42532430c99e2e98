package docs

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryLinkLeadsToSomethingThatExists(t *testing.T) {
	t.Parallel()
	root, all := repository(t), pages(t)
	named, seen := map[string]map[string]bool{}, 0
	for name, text := range all {
		prose, _ := split(text)
		named[name] = anchors(prose)
	}
	for name, text := range all {
		prose, _ := split(text)
		for _, to := range links(name, prose) {
			seen++
			file, anchor := to[0], to[1]
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
				t.Errorf("%s: %s is not there", name, file)
				continue
			}
			if anchor != "" && path.Ext(file) == ".md" && !named[file][anchor] {
				t.Errorf("%s: %s has no heading #%s", name, file, anchor)
			}
		}
	}
	if seen < 300 {
		t.Errorf("only %d links are seen", seen)
	}
}

func TestAnAnchorIsSpelledAsAHostOfPagesDoes(t *testing.T) {
	t.Parallel()
	got := anchors("# `accounts.NAME`\n\n## What [it](a.md) does, and doesn't\n\n## Twice\n\n### Twice\n")
	for _, want := range []string{"accountsname", "what-it-does-and-doesnt", "twice", "twice-1"} {
		if !got[want] {
			t.Errorf("%s is not in %v", want, got)
		}
	}
}

// TestTheIndexLeadsToEveryPage follows links from page to page. A link to a folder leads to the page of the folder.
func TestTheIndexLeadsToEveryPage(t *testing.T) {
	t.Parallel()
	all := pages(t)
	reached, next := map[string]bool{index: true}, []string{index}
	for len(next) > 0 {
		name := next[0]
		prose, _ := split(all[name])
		next = next[1:]
		for _, to := range links(name, prose) {
			file := to[0]
			if path.Ext(file) == "" {
				file = path.Join(file, "README.md")
			}
			if _, page := all[file]; page && !reached[file] {
				reached[file], next = true, append(next, file)
			}
		}
	}
	for name := range all {
		if !reached[name] && (strings.HasPrefix(name, "docs/") || strings.HasPrefix(name, "deploy/")) {
			t.Errorf("no link leads from %s to %s", index, name)
		}
	}
}
