package main

import (
	"fmt"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/kirimemail"
)

func TestImportScripts(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.SES("standing", "first: manual")
	add := func(target, username string) {
		t.Helper()
		if _, err := s.Box.AddTargets(kirimemail.Code, core.Target{Target: target, Username: username}); err != nil {
			t.Fatal(err)
		}
	}
	for i, username := range []string{"alerts", "Billing.EU", "news+1", "news-1", "null"} {
		add(fmt.Sprintf("import.example.com/11111111-1111-4111-8111-%012d", i), username)
	}
	add("other.example.com/22222222-2222-4222-8222-222222222222", "elsewhere")
	for i := range 230 {
		add(fmt.Sprintf("many.example.com/33333333-3333-4333-8333-%012d", i), fmt.Sprintf("user%d", i))
	}
	s.Configure(apptest.Settings{Top: contactAccounts(s)})
	s.ScriptsIn(t, "import")
}

// TestAnImportedFleetRotates goes the whole way of a new user.
func TestAnImportedFleetRotates(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	known := s.Kirim("known", "first: manual")
	s.Creds = nil // it is at the provider, and not in the configuration
	s.Configure(apptest.Settings{})
	domain, _, _ := strings.Cut(known.Target, "/")
	list, status := s.Ctl("import", "kirimemail", "--account", "kirim", "--domain", domain, "--path-prefix", "mail/"+s.Name)
	if status != 0 {
		t.Fatalf("%d: %s", status, list)
	}
	s.WriteFile("imported.yaml", list)
	s.Configure(apptest.Settings{Top: "include: [imported.yaml]"})

	known.ID = "kirim-" + known.Username
	known.Path = "mail/" + s.Name + "/kirim/" + known.Username
	s.Start("worker")
	if out, status := s.Ctl("rotate", known.ID, "--wait"); status != 0 {
		t.Fatalf("%d: %s\n%s", status, out, list)
	}
	if !s.Settled(known, 1) || s.Current(known).Username != known.Username {
		t.Errorf("in Vault is version %d for %s", s.Current(known).Version, s.Current(known).Username)
	}
}
