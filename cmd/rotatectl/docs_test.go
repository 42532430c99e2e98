package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keyturn/internal/rotation"
)

func repositoryFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryCommandIsDocumentedWithItsFlags(t *testing.T) {
	t.Parallel()
	text := repositoryFile(t, "docs", "rotatectl.md")
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

func TestEveryCommandHasJSON(t *testing.T) {
	t.Parallel()
	commands := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Runnable() {
			commands++
			if f := cmd.Flags().ShorthandLookup("o"); f == nil || f.Name != "output" || !strings.HasSuffix(f.Usage, " or json") {
				t.Errorf("%s has no -o json", cmd.CommandPath())
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	for _, cmd := range root().Commands() {
		walk(cmd)
	}
	if commands < 14 {
		t.Errorf("%d commands", commands)
	}
}

// mention is a command line of rotatectl in running text or in an example.
var mention = regexp.MustCompile("(?:`|    \\$ )rotatectl ([a-z][a-z-]*)( [a-z]+)?")

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
		for _, m := range mention.FindAllStringSubmatch(repositoryFile(t, strings.TrimPrefix(file, filepath.Join("..", "..")+"/")), -1) {
			if cmd, _, err := root().Find([]string{m[1]}); err != nil || cmd.Name() != m[1] {
				t.Errorf("%s: rotatectl %s", file, m[1])
			}
		}
	}
}

// programs are the folders whose code runs in a worker or a scheduler.
var programs = []string{"internal", "cmd/worker", "cmd/scheduler"}

// eachSource calls f with the code of every file of the programs that is no test.
func eachSource(t *testing.T, f func(code string)) {
	t.Helper()
	for _, folder := range programs {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := os.ReadFile(path)
			f(string(code))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheRunbookExplainsEveryErrorLineAndEveryNotice(t *testing.T) {
	t.Parallel()
	text := repositoryFile(t, "docs", "runbook.md")
	found := map[string]int{}
	for what, pattern := range map[string]*regexp.Regexp{
		"ERROR line": regexp.MustCompile(`(?:ErrorContext\(\w+|slog\.LevelError), "([^"]+)"`),
		"notice":     regexp.MustCompile(`Notice\w+\s+NoticeKind = "([^"]+)"`),
	} {
		eachSource(t, func(code string) {
			for _, m := range pattern.FindAllStringSubmatch(code, -1) {
				found[what]++
				if !strings.Contains(text, "| `"+m[1]+"` |") {
					t.Errorf("no %s %q in a table of the runbook", what, m[1])
				}
			}
		})
	}
	if found["ERROR line"] < 6 || found["notice"] < 6 {
		t.Errorf("found only %v", found)
	}
}

// TestThePageOnUpgradesNamesEveryFormatThatIsRead looks at the files that are kept of each version.
func TestThePageOnUpgradesNamesEveryFormatThatIsRead(t *testing.T) {
	t.Parallel()
	text := repositoryFile(t, "docs", "upgrade.md")
	for folder, pattern := range map[string]string{"internal/vaultkv/testdata": "journal-v*.json", "internal/queue/testdata/payload": "v*.json"} {
		files, err := filepath.Glob(filepath.Join("..", "..", folder, pattern))
		if err != nil || len(files) < 4 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			if !strings.Contains(text, "](../"+folder+"/"+filepath.Base(file)+")") {
				t.Errorf("%s/%s is not named", folder, filepath.Base(file))
			}
		}
	}
	if !strings.Contains(text, fmt.Sprintf("this version writes %d", rotation.Schema)) {
		t.Errorf("schema %d of the journal is not named", rotation.Schema)
	}
}
