package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commandLine is a line of an example that a reader is to type: it begins with one of these programs, perhaps after a prompt
// and variables of its own.
var commandLine = regexp.MustCompile(`(?m)^(?:\$ )?(?:[A-Z_]+=\S* )*(?:\./)?(?:` +
	`apt-get|awk|brew|cat|cd|chmod|chown|cp|curl|docker|docker-compose|echo|export|for|gh|git|go|gpg|helm|install|journalctl|jq|kubectl|kill|` +
	`ln|make|mkdir|mv|openssl|printf|promtool|redis-cli|redis-server|rm|rotatectl|sandbox|scheduler|scripts/[a-z-]+|sed|sh|sha256sum|sudo|` +
	`systemctl|systemd-[a-z]+|tar|umask|vault|wget|worker|console|\(umask)(?: .*)?$`)

// commands are the examples of a page that a reader is to type, by their first lines. What a fence calls sh is one, whatever
// it begins with; what it calls yaml, go or text is none.
func commands(page string) (lines []int) {
	_, blocks := split(page)
	for _, b := range blocks {
		switch b.kind {
		case "sh", "bash", "shell", "console":
			lines = append(lines, b.line)
		case "":
			if commandLine.MatchString(b.text) {
				lines = append(lines, b.line)
			}
		}
	}
	return lines
}

// mark is a row of the index's table of commands: a page, and what becomes of its commands.
var mark = regexp.MustCompile(`(?m)^\| \[[^]]+\]\(([^)#]+)\) \| (run by|read by|not run:) (.+) \|$`)

// marks are the pages that the index's table names.
func marks(t *testing.T, all map[string]string) map[string][2]string {
	t.Helper()
	_, table, found := strings.Cut(all[index], "\n## Commands on these pages\n")
	if !found {
		t.Fatalf("%s has no such section", index)
	}
	marked := map[string][2]string{}
	for _, m := range mark.FindAllStringSubmatch(table, -1) {
		marked[path.Join(path.Dir(index), m[1])] = [2]string{m[2], m[3]}
	}
	return marked
}

func TestThePagesSayOfTheirCommandsWhetherATestRunsThem(t *testing.T) {
	t.Parallel()
	all := pages(t)
	marked := marks(t, all)
	for name, text := range all {
		if lines := commands(text); len(lines) > 0 && marked[name][0] == "" {
			t.Errorf("%s: has commands, from lines %v, which are not in the table of %s: say which test runs them, or why none does", name, lines, index)
		}
	}
	tests := testsOf(t)
	for name, m := range marked {
		if text, found := all[name]; !found || len(commands(text)) == 0 {
			t.Errorf("%s: is in the table of %s, and has no commands", name, index)
		}
		if m[0] == "not run:" {
			continue
		}
		named := testName.FindAllStringSubmatch(m[1], -1)
		if len(named) == 0 {
			t.Errorf("%s: %s no test", name, m[0])
		}
		for _, n := range named {
			if !tests[n[1]] {
				t.Errorf("%s: there is no %s", name, n[1])
			}
		}
	}
}

var (
	testName = regexp.MustCompile("`(Test[A-Za-z]+)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test[A-Za-z]+)\(`)
)

// testsOf are the tests of the repository.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(repository(t), func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		for _, m := range testFunc.FindAllSubmatch(bytes.TrimSpace(text), -1) {
			all[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestACommandIsSeenHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]int{
		"Try it:\n\n    rotatectl status\n":                                     1,
		"Try it:\n\n    $ rotatectl status\n    alerts  healthy\n":              1,
		"1. Try it:\n\n       KEY=a worker -health\n\n2. Again:\n":              1,
		"```\nmake test\n```\n\n```sh\nanything --goes\n```\n":                  2,
		"```yaml\nmake: up\n```\n\n    {\"json\": true}\n":                      0,
		"A paragraph goes on\n    make no mistake, in its second line.\n":       0,
		"- an item\n\n  ```sh\n  vault status\n  ```\n\nand `make` in a line\n": 1,
	} {
		if got := commands(page); len(got) != want {
			t.Errorf("%d commands, from lines %v, want %d, of\n%s", len(got), got, want, page)
		}
	}
}
