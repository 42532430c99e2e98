package main

import (
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
)

func TestKeysAreTriedWithACallThatChangesNothing(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	news, mail := s.Kirim("news", "first: manual"), s.SES("mail", "first: manual")
	s.Configure(apptest.Settings{})
	test := func(account string, status int, want ...string) {
		t.Helper()
		out, got := s.Ctl("keys", "test", "--account", account)
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("%s: %q is not said: %s", account, text, out)
			}
		}
		if got != status {
			t.Errorf("%s: exit status %d: %s", account, got, out)
		}
	}
	test("kirim", 0, "kirim (kirimemail): accepted: asked about "+news.ID)
	test("ses", 1, "ses (tencent-ses): untested: the provider has no call that changes nothing: rotate one, such as "+mail.ID)
	test("missing", 2, "--account missing: no such account")
	s.WriteSecret("keys/"+s.Name, map[string]string{"token": "a-token-that-is-refused"})
	test("kirim", 1, "kirim (kirimemail): refused: ", "the keys were not accepted")
	if s.Target(news).Version != 0 || s.Target(mail).Version != 0 {
		t.Error("something was changed")
	}
}
