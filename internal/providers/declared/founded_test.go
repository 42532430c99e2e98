package declared

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
)

const (
	foundedBegin = "<!-- generated from the descriptions by `go generate ./internal/providers`: do not edit -->\n"
	foundedEnd   = "<!-- end of the generated part -->\n"
)

// What the manual says of how well the embedded descriptions are founded is counted, not claimed.
func TestDocsSayHowWellEachDescriptionIsFounded(t *testing.T) {
	t.Parallel()
	manual := filepath.Join("..", "..", "..", "docs", "providers", "declared.md")
	page, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), foundedBegin)
	got, after, ends := strings.Cut(rest, foundedEnd)
	if !begins || !ends {
		t.Fatal("the page has no generated part")
	}
	want := "\n" + founded(t) + "\n"
	switch {
	case got == want:
	case *providertest.Update:
		if err := os.WriteFile(manual, []byte(before+foundedBegin+want+foundedEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/providers/declared.md is out of date: go generate ./internal/providers")
	}
}

// founded has a row for each embedded description.
func founded(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| provider | kind | lines | rows with a source | rows guessed | answers with a source | answers guessed |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, name := range EmbeddedNames() {
		d, err := ReadEmbedded(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var rows, answers count
		for _, r := range d.rows {
			rows.add(r.source)
		}
		for _, one := range d.examples.answers {
			answers.add(one.source)
		}
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %d | %d | %d | %d | %d |\n",
			d.Code, d.Code, d.mode, bytes.Count(text, []byte("\n")), rows.cited, rows.guessed, answers.cited, answers.guessed)
	}
	return b.String()
}

// count tells what has a source from what is a guess.
type count struct{ cited, guessed int }

func (c *count) add(source string) {
	if source == "" {
		c.guessed++
	} else {
		c.cited++
	}
}
