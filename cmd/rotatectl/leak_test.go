package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app/apptest"
	"keyturn/internal/due"
)

func TestALeakedPasswordIsRefusedAfterwards(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	replaced, pair, overlap := s.SES("replaced", "first: manual"), s.Pair("pair", "first: manual"), s.Overlap("overlap", "first: manual")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	for _, c := range s.Creds {
		if out, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
			t.Fatalf("%d: %s", status, out)
		}
	}
	before := map[string]apptest.Entry{}
	var ids strings.Builder
	for _, c := range s.Creds {
		before[c.ID] = s.Current(c)
		fmt.Fprintf(&ids, "%s\n\n", c.ID)
	}

	out, status := s.CtlIn(ids.String(), "rotate", "--leaked", "--stdin")
	if status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	for _, c := range s.Creds {
		if !strings.Contains(out, c.ID+": the old password is refused, ") {
			t.Errorf("%s: nothing says that the old password is dead: %s", c.ID, out)
		}
		if s.Current(c).Password == before[c.ID].Password {
			t.Errorf("%s: consumers have the leaked password", c.ID)
		}
		if strings.Contains(out, before[c.ID].Password) || strings.Contains(out, s.Current(c).Password) {
			t.Errorf("%s: a password was shown", c.ID)
		}
	}
	if !strings.Contains(out, pair.ID+": the leaked password logs in until ") || strings.Count(out, " logs in until ") != 1 {
		t.Errorf("only of a pair it has to say until when the leaked password logs in: %s", out)
	}
	if used, live := before[pair.ID].Target, s.Box.State()[pair.Provider]; live[used].Live == before[pair.ID].Password {
		t.Error("the pair's leaked password is live")
	}
	if s.Target(replaced).Live != s.Current(replaced).Password {
		t.Error("consumers do not have the live password")
	}
	for target, state := range s.Box.State()[overlap.Provider] {
		if state.Live == before[overlap.ID].Password {
			t.Errorf("%s has the leaked password", target)
		}
	}
}

func TestALeakIsRefusedThatIsAskedForWrongly(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("a", "first: manual")
	s.Configure(apptest.Settings{})
	for _, test := range []struct {
		in, args, want string
	}{
		{"", "rotate --stdin", "--stdin and --grace go with --leaked"},
		{"", "rotate --grace 1h " + c.ID, "--stdin and --grace go with --leaked"},
		{"", "rotate --leaked", "--leaked needs ids, or --stdin instead"},
		{"", "rotate --leaked --stdin " + c.ID, "--leaked needs ids, or --stdin instead"},
		{"", "rotate --leaked --force " + c.ID, "--leaked goes without --all and --force"},
		{"", "rotate --leaked --all --account ses", "--leaked goes without --all and --force"},
		{"", "rotate --leaked --grace 1s " + c.ID, "--grace 1s: two rotations are at least timing.min_interval apart, 3.5s"},
		{"", "rotate --leaked --grace -1s " + c.ID, "--grace -1s: "},
		{"\n \n", "rotate --leaked --stdin", "standard input names no credential"},
		{c.ID + "\nnone\nother\n", "rotate --leaked --stdin", "none, other"},
	} {
		if out, status := s.CtlIn(test.in, strings.Fields(test.args)...); status == 0 || !strings.Contains(out, test.want) {
			t.Errorf("%s: exit status %d, want %q: %s", test.args, status, test.want, out)
		}
	}
	if j := s.Journal(c); j.Version != 0 {
		t.Error("something was rotated")
	}
}

func TestWhichFindsTheGenerationOfALeakedPassword(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c, other, pair := s.SES("a", "first: manual"), s.SES("b", "first: manual"), s.Pair("pair", "first: manual")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	for _, id := range []string{c.ID, other.ID, pair.ID, c.ID, pair.ID} {
		if out, status := s.Ctl("rotate", id, "--wait", "--force"); status != 0 {
			t.Fatalf("%d: %s", status, out)
		}
	}
	old, current := s.CurrentAt(c.Path, 1).Password, s.Current(c).Password
	for _, test := range []struct {
		password, args, want string
		status               int
	}{
		{current, "", c.ID + " (account ses, target " + c.Target + "): version 2 of the secret, rotation ", 0},
		{current, "", "consumers use it now: `rotatectl rotate --leaked " + c.ID + "`\n", 0},
		{old, "--account ses", "version 1 of the secret", 0},
		{old, "", ": dead since 20", 0},
		{old, c.ID, ": dead since 20", 0},
		{old, other.ID, "no credential that was read has, or had, this password (1 of 1 read)", exitFailed},
		{"Never-Seen-1", "", "(3 of 3 read)", exitFailed},
		{s.CurrentAt(pair.Path, 1).Password, "", "consumers do not read it any more, and nothing shows that it is dead: `rotatectl", 0},
		{old, "-o json", `"life":"replaced","version":1,`, 0},
		{"", "", "standard input holds no password", exitFailed},
		{old, "--account none", "--account none: want one of kirim, ses", exitUsage},
		{old, "none", "none", exitUsage},
	} {
		out, status := s.CtlIn(test.password+"\n", append([]string{"which", "--stdin"}, strings.Fields(test.args)...)...)
		if status != test.status || !strings.Contains(out, test.want) {
			t.Errorf("%s: exit status %d, want %d and %q: %s", test.args, status, test.status, test.want, out)
		}
		if test.password != "" && strings.Contains(out, test.password) {
			t.Error("the password was shown")
		}
	}
	if out, status := s.CtlIn(old, "which"); status != exitUsage || !strings.Contains(out, "which needs --stdin") {
		t.Errorf("exit status %d: %s", status, out)
	}
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	defer func() { _ = rdb.Close() }()
	events, err := due.NewIndex(rdb).Events(t.Context(), "0", 10_000, -1)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(events); !strings.Contains(text, due.EventSearched) || strings.Contains(text, old) || strings.Contains(text, current) {
		t.Errorf("want an event of the search without the password: %s", text)
	}
}
