package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ask runs a command that needs no server.
func ask(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&problems)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), problems.String(), err
}

const lastLine = "provider check: files="

func TestTheEmbeddedDescriptionsNeedNoConfiguration(t *testing.T) {
	t.Parallel()
	out, problems, err := ask(t, "provider", "check", "--embedded")
	_, counts, _ := strings.Cut(out, lastLine)
	if err != nil || problems != "" || !strings.HasSuffix(counts, " failed=0\n") || strings.Contains(out, "Example-Pass") {
		t.Errorf("%v\n%s%s", err, out, problems)
	}
	if page := repositoryFile(t, "docs", "rotatectl.md"); !strings.Contains(page, "\n    "+lastLine+counts) {
		t.Errorf("docs/rotatectl.md does not show %q", lastLine+counts)
	}
}

func description(t *testing.T, old, replacement string) string {
	t.Helper()
	text := repositoryFile(t, "internal", "providers", "declared", "testdata", "setter.yaml")
	if !strings.Contains(text, old) {
		t.Fatalf("no %q", old)
	}
	path := filepath.Join(t.TempDir(), "example.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(text, old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAWrongExampleFailsWithItsPlace(t *testing.T) {
	t.Parallel()
	out, problems, err := ask(t, "provider", "check", description(t, "means: repeat", "means: rejected"))
	if err == nil || !strings.Contains(problems, "example.yaml:46:7: examples.answers[1]: means repeat\n") ||
		!strings.HasSuffix(out, lastLine+"1 rows=4 examples=6 failed=1\n") {
		t.Errorf("%v\n%s%s", err, out, problems)
	}
	if !strings.Contains(out, "\n  POST /v1/users/a\n") || !strings.Contains(out, `{"password":"<password>"}`) {
		t.Errorf("the request is not shown:\n%s", out)
	}
}

func TestARowWithoutAnExampleIsAWarning(t *testing.T) {
	t.Parallel()
	out, problems, err := ask(t, "provider", "check", description(t, `"slowdown"`, `"same"`))
	if err == nil || !strings.Contains(problems, "example.yaml:32:5: errors[3]: warning: no example has slow*\n") || !strings.HasSuffix(out, "failed=1\n") {
		t.Errorf("%v\n%s%s", err, out, problems)
	}
}

func TestADescriptionThatCannotBeReadIsCounted(t *testing.T) {
	t.Parallel()
	bad, missing := description(t, "rate: 5/s", "rate: often"), filepath.Join(t.TempDir(), "missing.yaml")
	out, problems, err := ask(t, "provider", "check", bad, missing)
	if err == nil || !strings.Contains(problems, "example.yaml:9:7: rate: is not a rate") || !strings.Contains(problems, "missing.yaml: no such file") ||
		!strings.HasSuffix(out, lastLine+"2 rows=0 examples=0 failed=2\n") {
		t.Errorf("%v\n%s%s", err, out, problems)
	}
	out, _, _ = ask(t, "provider", "check", "-o", "json", bad)
	var found struct {
		Failed int
		Errors []struct{ Line int }
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || found.Failed != 1 || len(found.Errors) != 1 || found.Errors[0].Line != 9 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestACodeThatIsTakenIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	text := repositoryFile(t, "internal", "providers", "declared", "testdata", "setter.yaml")
	own := regexp.MustCompile(`(?m)^code: .*$`)
	dir := t.TempDir()
	write := func(name, code string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(own.ReplaceAllString(text, "code: "+code)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, code := range []string{"tencent-ses", "mailgun"} {
		file := write("mine.yaml", code)
		if _, problems, err := ask(t, "provider", "check", file); err == nil || !strings.Contains(problems, file+":") || !strings.Contains(problems, "code: ") {
			t.Errorf("%s: %v: %s", code, err, problems)
		}
	}
	first, second := write("first.yaml", "mine"), write("second.yaml", "mine")
	if _, problems, err := ask(t, "provider", "check", first, second); err == nil || !strings.Contains(problems, second+":") || strings.Contains(problems, first+":") {
		t.Errorf("two files with one code: %v: %s", err, problems)
	}
	if _, problems, err := ask(t, "provider", "check", filepath.Join("..", "..", "internal", "providers", "declared", "mailgun.yaml")); err != nil {
		t.Errorf("the file of a provider that keyturn has: %v: %s", err, problems)
	}
}

func TestProviderCheckWantsFilesOrEmbedded(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--embedded", "x.yaml"}, {"-o", "xml", "x.yaml"}} {
		if _, _, err := ask(t, append([]string{"provider", "check"}, args...)...); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func TestANewDescriptionPassesTheCheck(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"setter", "issuer", "minter"} {
		text, _, err := ask(t, "provider", "new", "mine", "--mode", mode)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "mine.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, problems, err := ask(t, "provider", "check", path)
		if err != nil || problems != "" || !strings.HasSuffix(out, " failed=0\n") {
			t.Errorf("%s: %v\n%s%s", mode, err, out, problems)
		}
	}
	for _, args := range [][]string{{}, {"Mine"}, {"mine", "--mode", "contacts"}, {"mine", "-o", "text"}} {
		if _, _, err := ask(t, append([]string{"provider", "new"}, args...)...); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
