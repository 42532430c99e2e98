package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

// hostile is a text that clears the screen, forges a line and a column, writes from right to left and is no UTF-8.
const hostile = "\x1b[2J\x1b]0;x\x07\u009b1m\nforged\thealthy\r\u202e\u2028\x9b\xff\U000e0001"

// harmless tells whether a terminal shows an output as it stands, and no line of it is forged.
func harmless(out string) bool {
	if !utf8.ValidString(out) || strings.Contains(out, "\nforged") {
		return false
	}
	return !strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
}

// TestNoTextFromOutsideIsObeyedByATerminal writes hostile texts wherever Redis and Vault hold a text that rotatectl
// shows.
func TestNoTextFromOutsideIsObeyedByATerminal(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	lost, open := s.SES("lost", "first: manual"), s.Kirim("open", "first: manual")
	s.Fault(lost, core.NotFound, func(f *core.Fault) { f.Count = -1 })
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	for _, c := range []apptest.Credential{lost, open} {
		s.Ctl("rotate", c.ID, "--wait")
	}
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	s.EditJournal(lost, func(j map[string]any) {
		j["why"], j["owner"], j["rotation_id"], j["reason"], j["target"] = hostile, hostile, hostile, hostile, hostile
		j["last_error"] = map[string]any{"kind": hostile, "code": hostile, "request_id": hostile}
	})
	s.EditJournal(open, func(j map[string]any) { j["owner"], j["rotation_id"], j["reason"] = hostile, hostile, hostile })
	s.EditSecret(open, func(fields map[string]any) {
		fields["keyturn_verified"], fields["keyturn_rotation_id"] = hostile, hostile
	})
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	for _, c := range []apptest.Credential{lost, open} {
		soon := time.Now().Add(time.Hour).UnixMilli()
		rdb.HSet(t.Context(), "keyturn:{"+c.Account+"}:breaker", "cause", hostile, "since", soon, "next", soon)
		for _, kind := range []string{"", "check:"} {
			rdb.HSet(t.Context(), "keyturn:{"+c.Account+"}:outcome:"+kind+c.ID, "slot", soon, "status", "failed", "final", 0, "text", hostile, "at", soon)
		}
	}
	for _, args := range [][]string{
		{"status"},
		{"status", "-o", "json"},
		{"explain", lost.ID},
		{"explain", open.ID},
		{"rotate", lost.ID, "--wait", "--timeout", "1ms"},
		{"rotate", "--all", "--account", "ses"},
		{"plan"},
		{"recover", lost.ID},
		{"status", hostile},
		{hostile},
		{"rotate", lost.ID, "--timeout", hostile},
		{"import", "--csv", s.WriteFile("fleet.csv", "target\n"+hostile+"\n")},
	} {
		out, _ := s.Ctl(args...)
		if !harmless(out) {
			t.Errorf("rotatectl %q: %q", args, out)
		}
		if args[0] == "status" && len(args) > 2 && !json.Valid([]byte(out)) {
			t.Errorf("no JSON: %s", out)
		}
	}
}

// TestAnImportRefusesWhatDoesNotShow: escaped for the terminal it would be another user name in the file.
func TestAnImportRefusesWhatDoesNotShow(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.Configure(apptest.Settings{})
	table := s.WriteFile("fleet.csv", "target,account,username,path\na@example.com,ses,a\u202eb,\nc@example.com,ses,,mail/\u200bc\n")
	out, status := s.Ctl("import", "--csv", table)
	if status != exitFailed || !strings.Contains(out, `:2: username "a\u202eb" has`) || !strings.Contains(out, `:3: path "mail/\u200bc" has`) {
		t.Errorf("%d: %s", status, out)
	}
}

func TestAnErrorOfSeveralStandsOnALineEach(t *testing.T) {
	t.Parallel()
	err := &failedError{fmt.Errorf("%w", errors.Join(errors.New("one"), errors.Join(errors.New("two\nforged"), errors.New("three"))))}
	if got, want := strings.Join(lines(err), "\n"), "one\ntwo\n  forged\nthree"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
