package queue_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keyturn/internal/devenv"
)

// The table of traps is worth what its tests are.
func TestEveryTestThatTheTableOfTrapsNamesExists(t *testing.T) {
	t.Parallel()
	root, err := devenv.Root()
	must(t, err)
	exist := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	must(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, name := range declared.FindAllSubmatch(code, -1) {
			exist[string(name[1])] = true
		}
		return err
	}))
	page, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	must(t, err)
	names := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1)
	for _, name := range names {
		if !exist[string(name[1])] {
			t.Errorf("docs/reliability.md names %s, which does not exist", name[1])
		}
	}
	if len(names) < 50 {
		t.Errorf("docs/reliability.md names %d tests only", len(names))
	}
}
