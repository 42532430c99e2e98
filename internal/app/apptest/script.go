package apptest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts runs the scripts of testdata/script. Each begins with the files of the stage's folder, keyturn.yaml among them,
// in a folder of its own, and the management keys in its environment. It has two commands more:
//
//	exits STATUS PROGRAM ARG...        runs a program, which must end so, and without a stack trace
//	edit FILE REGEXP REPLACEMENT       changes every match in a file, of which there must be one; \n is a new line
//
// vars are more of its environment, NAME=value.
func (s *Stage) Scripts(t *testing.T, vars ...string) {
	t.Helper()
	s.ScriptsIn(t, "script", vars...)
}

// ScriptsIn runs the scripts of another folder of testdata.
func (s *Stage) ScriptsIn(t *testing.T, folder string, vars ...string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", folder),
		Setup: func(env *testscript.Env) error {
			for _, v := range append(s.environ(), vars...) {
				name, value, _ := strings.Cut(v, "=")
				env.Setenv(name, value)
			}
			return os.CopyFS(env.WorkDir, os.DirFS(s.Dir))
		},
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "edit": edit},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARG...")
	}
	status := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("exit status %d, want %s", status, args[0])
	}
	for _, trace := range []string{"goroutine ", "panic:"} {
		if strings.Contains(ts.ReadFile("stderr"), trace) {
			ts.Fatalf("a stack trace is no message")
		}
	}
}

func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE REGEXP REPLACEMENT")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	text := ts.ReadFile(args[0])
	if !pattern.MatchString(text) {
		ts.Fatalf("%s: no match of %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(pattern.ReplaceAllString(text, strings.ReplaceAll(args[2], `\n`, "\n"))), 0o600))
}
