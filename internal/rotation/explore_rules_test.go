package rotation_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/rotation/rotationtest/explore"
)

// rulesIn returns the names of the rules that a file defines, one at the beginning of a line each, in order.
func rulesIn(t *testing.T, file string, line *regexp.Regexp) (names []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range line.FindAllSubmatch(text, -1) {
		if !strings.HasPrefix(string(found[2]), "planned: ") {
			names = append(names, string(found[1]))
		}
	}
	return names
}

func TestEveryRuleThatTheExplorationCitesIsDefinedInTheDocs(t *testing.T) {
	t.Parallel()
	short := rulesIn(t, "doc.go", regexp.MustCompile(`(?m)^//\t(P-[a-z-]+) +(.+)$`))
	full := rulesIn(t, "../../docs/protocol.md", regexp.MustCompile(`(?m)^\| (P-[a-z-]+) \| (.+) \|$`))
	if !slices.Equal(short, full) {
		t.Errorf("doc.go defines %v\ndocs/protocol.md defines %v", short, full)
	}
	if slices.Sort(short); len(slices.Compact(short)) != len(full) {
		t.Error("a rule is defined twice")
	}
	for _, name := range explore.Rules() {
		if !slices.Contains(full, name) {
			t.Errorf("a violation can cite %s, which is not defined", name)
		}
	}
}

func TestEveryRuleThatCodeAndDocsCiteIsDefined(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	name, cited := regexp.MustCompile(`\bP-[a-z]+(-[a-z]+)*`), 0
	err = fs.WalkDir(os.DirFS("../.."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".go", ".md", ".yml"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(filepath.Join("../..", path))
		for _, rule := range name.FindAllString(string(text), -1) {
			cited++
			if !strings.Contains(string(page), "| "+rule+" |") {
				t.Errorf("%s cites %s, which docs/protocol.md does not define", path, rule)
			}
		}
		return err
	})
	if err != nil || cited < len(explore.Rules()) {
		t.Errorf("%d citations were found: %v", cited, err)
	}
}
