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

// eachCommand calls f with every command that can be run, and its name.
func eachCommand(f func(name string, cmd *cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Runnable() {
			f(strings.TrimPrefix(cmd.CommandPath(), "rotatectl "), cmd)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	for _, cmd := range root().Commands() {
		walk(cmd)
	}
}

func TestEveryCommandIsDocumentedWithItsFlags(t *testing.T) {
	t.Parallel()
	text := repositoryFile(t, "docs", "rotatectl.md")
	eachCommand(func(name string, cmd *cobra.Command) {
		if !strings.Contains(text, "    $ rotatectl "+name) {
			t.Errorf("no example of %s", name)
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(text, "--"+f.Name) {
				t.Errorf("%s: --%s is not mentioned", name, f.Name)
			}
		})
	})
}

func TestEveryCommandHasJSON(t *testing.T) {
	t.Parallel()
	commands := 0
	eachCommand(func(_ string, cmd *cobra.Command) {
		commands++
		if f := cmd.Flags().ShorthandLookup("o"); f == nil || f.Name != "output" || !strings.HasSuffix(f.Usage, " or json") {
			t.Errorf("%s has no -o json", cmd.CommandPath())
		}
	})
	if commands < 14 {
		t.Errorf("%d commands", commands)
	}
}

func TestTheHelpOfEveryCommandHasExamplesOfIt(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	eachCommand(func(name string, cmd *cobra.Command) {
		names[name] = true
		if cmd.Example == "" {
			t.Errorf("%s has no example", name)
		}
		for line := range strings.Lines(cmd.Example) {
			if problem := misread(t, line); problem != nil {
				t.Errorf("%s: %s: %v", name, strings.TrimSpace(line), problem)
			}
			if !strings.HasPrefix(line, "  rotatectl "+name) {
				t.Errorf("%s: %s is of another command", name, strings.TrimSpace(line))
			}
		}
	})
	for name := range examples() {
		if !names[name] {
			t.Errorf("there are examples of %s, which is no command", name)
		}
	}
}

func TestTheHelpAndThePageNameTheSameExitStatuses(t *testing.T) {
	t.Parallel()
	page := repositoryFile(t, "docs", "rotatectl.md")
	lines := strings.Split(statuses, "\n")[1:]
	if len(lines) != 3 {
		t.Errorf("%d statuses", len(lines))
	}
	for _, line := range lines {
		status, meaning, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if !strings.Contains(page, "\n| "+status+" | "+meaning) {
			t.Errorf("docs/rotatectl.md does not say %s: %s", status, meaning)
		}
	}
}

func TestEachShellOfThePageHasACompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, _, err := ask(t, "completion", shell); err != nil || !strings.Contains(out, "rotatectl") {
			t.Errorf("%s: %v: %.80s", shell, err, out)
		}
	}
}

var (
	// typed is a command line of rotatectl in an indented example or in running text: it ends with its line or its code. Fences
	// are run.
	typed = regexp.MustCompile("(?m)(?:^ {4,}(?:\\$ )?|&& |`|exec [a-z]+ )(rotatectl [a-z][^`\n]*)")
	// beyond is where the shell goes on, or a comment does.
	beyond = regexp.MustCompile(` (?:[|<>&#]|2>).*$`)
	words  = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)
)

// misread says what is wrong with a command line of rotatectl: a command or a flag that does not exist. Values may be made up.
func misread(t *testing.T, line string) error {
	t.Helper()
	args := words.FindAllString(beyond.ReplaceAllString(strings.TrimSpace(line), ""), -1)[1:]
	for i, arg := range args {
		args[i] = strings.Trim(arg, `'".,;:`)
	}
	all := root()
	all.InitDefaultCompletionCmd()
	cmd, rest, err := all.Find(args)
	if err != nil {
		return err
	}
	if !cmd.Runnable() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return fmt.Errorf("%s has no %s", cmd.CommandPath(), rest[0])
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil && strings.HasPrefix(err.Error(), "unknown") {
		return err
	}
	return nil
}

// TestEveryCommandLineOfThePagesIsOneOfRotatectl reads all pages of the repository.
func TestEveryCommandLineOfThePagesIsOneOfRotatectl(t *testing.T) {
	t.Parallel()
	lines := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" || strings.HasSuffix(path, "CHANGELOG.md") { // which names what there was
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range typed.FindAllStringSubmatch(string(text), -1) {
			lines++
			if problem := misread(t, m[1]); problem != nil {
				t.Errorf("%s: %s: %v", path, m[1], problem)
			}
		}
		return err
	})
	if err != nil || lines < 100 {
		t.Errorf("%d lines, %v", lines, err)
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
