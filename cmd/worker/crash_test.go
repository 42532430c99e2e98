package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

// TestAWorkerThatCrashesInTheMiddleOfACallTellsNoSecret: the key that signed the call, the password in it and Vault's
// token are all in the memory of a worker that dies with all its stacks on standard error.
func TestAWorkerThatCrashesInTheMiddleOfACallTellsNoSecret(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := apptest.New(t)
			s.Env = []string{"GOTRACEBACK=crash"}
			set, issued := s.SES("set"), s.Kirim("issued")
			s.Configure(apptest.Settings{Patient: true})
			w := s.Start("worker")
			for _, c := range s.Creds {
				s.Fault(c, core.Hold)
				s.Ctl("rotate", c.ID)
				s.Held(c)
			}
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", w.PID()))
			if err == nil && !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
				t.Errorf("it may leave a core file:\n%s", limits)
			}
			if err := syscall.Kill(w.PID(), sig); err != nil {
				t.Fatal(err)
			}
			<-w.Done()
			s.Box.Release("", "")

			out := w.Output()
			if strings.Count(out, "goroutine ") < 10 || !strings.Contains(out, "net/http") {
				t.Fatal("it did not write its stacks")
			}
			secrets := []string{s.Vault.Token, s.Keys.SESID, s.Keys.SESKey, s.Keys.KirimUser, s.Keys.KirimToken, s.Target(issued).Live}
			for _, candidate := range s.JournalAt(set, 1).Candidates {
				secrets = append(secrets, candidate.Value)
			}
			if len(secrets) < 7 {
				t.Fatal("no candidate was on its way")
			}
			if found := search(map[string]string{"the worker's output": out}, secrets); len(found) > 0 {
				t.Error(strings.Join(found, "\n"))
			}
			for i, secret := range secrets {
				if shown := words(out, secret); shown != "" {
					t.Errorf("secret %d is among the arguments as %s", i, shown)
				}
			}
		})
	}
}

// words returns a part of a secret that stands in a stack as a number, which is how Go shows arguments.
func words(out, secret string) string {
	const size = 8
	for i := 0; i+size <= len(secret); i++ {
		if word := fmt.Sprintf("%#x", binary.LittleEndian.Uint64([]byte(secret[i:i+size]))); strings.Contains(out, word) {
			return word
		}
	}
	return ""
}
