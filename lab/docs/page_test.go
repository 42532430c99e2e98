package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"keyturn/internal/devenv"
)

// index is the page that leads to all others.
const index = "docs/README.md"

func repository(t *testing.T) string {
	t.Helper()
	root, err := devenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// pages are the texts of all pages of the repository, by their paths in it.
func pages(t *testing.T) map[string]string {
	t.Helper()
	root, all := repository(t), map[string]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (file != root && strings.HasPrefix(d.Name(), ".") || file == filepath.Join(root, "bin") || file == filepath.Join(root, "dist")):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		within, err := filepath.Rel(root, file)
		all[filepath.ToSlash(within)] = string(text)
		return err
	})
	if err != nil || len(all) < 50 {
		t.Fatalf("%d pages, %v", len(all), err)
	}
	return all
}

// block is an example of a page: fenced, or indented by four blanks or more.
type block struct {
	line   int    // of its first line
	kind   string // what the fence says: sh, yaml, text, …
	fenced bool
	text   string
}

// split takes a page apart into its examples and what is left, whose lines keep their numbers.
func split(page string) (prose string, blocks []block) {
	var rest strings.Builder
	var open *block // the block that the line is in
	fence, blank := "", true
	for n, line := range strings.Split(page, "\n") {
		bare := strings.TrimSpace(line)
		switch {
		case fence != "" && bare == fence:
			fence, open = "", nil
		case fence != "":
			open.text += strings.TrimPrefix(line, indentOf(page, open.line)) + "\n"
		case strings.HasPrefix(bare, "```"):
			fence = bare[:len(bare)-len(strings.TrimLeft(bare, "`"))]
			blocks = append(blocks, block{line: n + 2, kind: strings.TrimLeft(bare, "`"), fenced: true})
			open = &blocks[len(blocks)-1]
		case strings.HasPrefix(line, "    ") && (open != nil || blank && !isItem(bare)):
			if open == nil {
				blocks = append(blocks, block{line: n + 1})
				open = &blocks[len(blocks)-1]
			}
			open.text += bare + "\n"
		case bare == "" && open != nil: // an empty line does not end an indented block
			open.text += "\n"
		default:
			open = nil
			rest.WriteString(line)
		}
		blank = bare == ""
		rest.WriteString("\n")
	}
	return rest.String(), blocks
}

// indentOf is what stands before a line of a page, which a fence in a list has on each line.
func indentOf(page string, line int) string {
	text := strings.Split(page, "\n")[line-1]
	return text[:len(text)-len(strings.TrimLeft(text, " "))]
}

var item = regexp.MustCompile(`^([-*]|\d+\.) `)

func isItem(line string) bool { return item.MatchString(line) }

var (
	headingLine = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	linkText    = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
)

// anchors are what links to a page may name: its headings, as GitHub and others spell them.
func anchors(prose string) map[string]bool {
	all := map[string]bool{}
	for _, m := range headingLine.FindAllStringSubmatch(prose, -1) {
		slug := strings.Map(func(c rune) rune {
			switch {
			case c == ' ':
				return '-'
			case c == '-', c == '_', unicode.IsLetter(c), unicode.IsNumber(c):
				return unicode.ToLower(c)
			}
			return -1
		}, linkText.ReplaceAllString(m[1], "$1"))
		for n, first := 1, slug; all[slug]; n++ {
			slug = fmt.Sprintf("%s-%d", first, n)
		}
		all[slug] = true
	}
	return all
}

var (
	target = regexp.MustCompile(`\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?: +"[^"]*")?\)`)
	code   = regexp.MustCompile("``[^\n]*?``|`[^`\n]*`")
)

// links are where a page leads within the repository: the path, and the anchor or "".
func links(name, prose string) [][2]string {
	var all [][2]string
	for _, m := range target.FindAllStringSubmatch(code.ReplaceAllString(prose, ""), -1) {
		to, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(to, ":") { // elsewhere
			continue
		}
		file := name
		if to != "" {
			file = path.Join(path.Dir(name), to)
		}
		all = append(all, [2]string{file, anchor})
	}
	return all
}
