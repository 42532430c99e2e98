package main

import (
	"bufio"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/operate"
)

func TestEventsAreFollowedUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	one, two := s.SES("one", "first: manual"), s.SES("two", "first: manual")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	ctx, interrupt := context.WithCancel(t.Context())
	out, in := io.Pipe()
	cmd, ended := root(), make(chan error, 1)
	cmd.SetArgs([]string{"--config", filepath.Join(s.Dir, "keyturn.yaml"), "events", "--follow", "--type", "rotated"})
	cmd.SetOut(in)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	lines := bufio.NewScanner(out)
	for _, c := range []apptest.Credential{one, two} {
		heard := make(chan string, 1)
		go func() {
			for lines.Scan() {
				if strings.Contains(lines.Text(), c.ID) {
					heard <- lines.Text()
					return
				}
			}
		}()
		// It may not listen yet: then the next rotation is the first that it hears of.
		s.Until("the rotation of "+c.ID+" is shown", func() bool {
			if text, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
				t.Fatalf("%d: %s", status, text)
			}
			select {
			case <-heard:
				return true
			default:
				return false
			}
		})
	}
	interrupt()
	if err := <-ended; err != nil {
		t.Errorf("interrupted: %v", err)
	}
}

func TestEveryTypeOfEventIsDocumented(t *testing.T) {
	t.Parallel()
	text := repositoryFile(t, "docs", "events.md")
	for _, name := range operate.EventTypes() {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/events.md does not have %s", name)
		}
	}
}

func TestEventsShowWhatHappened(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	one, two := s.SES("one", "first: manual"), s.SES("two", "first: manual")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	for _, c := range s.Creds {
		if out, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
			t.Fatalf("%d: %s", status, out)
		}
	}
	for name, test := range map[string]struct {
		args   string
		status int
		want   []string
		not    string
	}{
		"all of a day":         {"events", 0, []string{"rotated", one.ID, two.ID, "version 1; on demand; verified yes; requested by "}, "nothing is kept\n"},
		"of one credential":    {"events " + one.ID, 0, []string{one.ID}, two.ID},
		"for programs":         {"events -o json --since start " + two.ID, 0, []string{`"type":"rotated","credential":"` + two.ID + `","account":"ses"`}, "{\n"},
		"none of a type":       {"events --type quarantined --since 1h", 0, nil, one.ID},
		"none from then on":    {"events --since 2999-01-01T00:00:00Z", 0, nil, one.ID},
		"of what is gone":      {"events gone", 0, []string{"gone: not in the configuration"}, one.ID},
		"a type that is not":   {"events --type rotate", 2, []string{"want one of rotated, "}, ""},
		"a time that is not":   {"events --since yesterday", 2, []string{"--since yesterday: want a time such as"}, ""},
		"a format that is not": {"events -o yaml", 2, []string{"-o yaml"}, ""},
	} {
		out, status := s.Ctl(strings.Fields(test.args)...)
		if status != test.status || test.not != "" && strings.Contains(out, test.not) {
			t.Errorf("%s: %d: %s", name, status, out)
		}
		for _, want := range test.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in %s", name, want, out)
			}
		}
		for _, c := range s.Creds {
			if strings.Contains(out, s.Current(c).Password) {
				t.Errorf("%s: a password was shown", name)
			}
		}
	}
}
