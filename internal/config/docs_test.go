package config_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/config"
)

// documented returns the first column of the table under each heading of docs/configuration.md.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile("^#+ `(.+)`$")
	row := regexp.MustCompile("^\\| `([a-z0-9_]+)` \\|")
	found, under := map[string][]string{}, ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			under = ""
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			under = m[1]
			found[under] = nil
		}
		if m := row.FindStringSubmatch(line); m != nil && under != "" {
			found[under] = append(found[under], m[1])
		}
	}
	return found
}

func TestTheReferenceNamesEveryFieldAndNoOther(t *testing.T) {
	t.Parallel()
	docs, shapes := documented(t), config.Shapes()
	for name, fields := range shapes {
		slices.Sort(fields)
		got := slices.Sorted(slices.Values(docs[name]))
		if !slices.Equal(got, fields) {
			t.Errorf("docs/configuration.md, %s: got %v, want %v", name, got, fields)
		}
	}
	for name := range docs {
		if _, ok := shapes[name]; !ok {
			t.Errorf("docs/configuration.md: %s is nothing that keyturn reads", name)
		}
	}
}

// TestTheExamplesOfTheReferenceLoad loads every block that is a whole configuration.
func TestTheExamplesOfTheReferenceLoad(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	loaded := 0
	for _, block := range blocks {
		if !strings.Contains(block[1], "redis:") {
			continue
		}
		if _, err := load(t, t.TempDir(), block[1]); err != nil {
			t.Errorf("%v in:\n%s", err, block[1])
		}
		loaded++
	}
	if loaded == 0 {
		t.Error("no example is a whole configuration")
	}
}
