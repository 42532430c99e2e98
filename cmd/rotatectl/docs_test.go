package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func document(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryCommandIsDocumentedWithItsFlags(t *testing.T) {
	t.Parallel()
	text := document(t, "docs", "rotatectl.md")
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Runnable() {
			name := strings.TrimPrefix(cmd.CommandPath(), "rotatectl ")
			if !strings.Contains(text, "    $ rotatectl "+name) {
				t.Errorf("no example of %s", name)
			}
			cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
				if !strings.Contains(text, "--"+f.Name) {
					t.Errorf("%s: --%s is not mentioned", name, f.Name)
				}
			})
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	for _, cmd := range root().Commands() {
		walk(cmd)
	}
}

// mention is a command line of rotatectl in running text or in an example.
var mention = regexp.MustCompile("(?:`|    \\$ )rotatectl ([a-z-]+)( [a-z]+)?")

func TestNoDocumentNamesACommandThatDoesNotExist(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	providers, err := filepath.Glob(filepath.Join("..", "..", "docs", "providers", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(append(files, providers...), filepath.Join("..", "..", "README.md"))
	for _, file := range files {
		for _, m := range mention.FindAllStringSubmatch(document(t, strings.TrimPrefix(file, filepath.Join("..", "..")+"/")), -1) {
			if cmd, _, err := root().Find([]string{m[1]}); err != nil || cmd.Name() != m[1] {
				t.Errorf("%s: rotatectl %s", file, m[1])
			}
		}
	}
}
