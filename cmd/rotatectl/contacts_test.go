package main

import (
	"fmt"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox"
)

// contactAccounts is the part of a configuration with an account for each site of alibaba-domain.
func contactAccounts(s *apptest.Stage) string {
	text := ""
	for _, site := range []string{"international", "china"} {
		text += fmt.Sprintf(`
  %s: {provider: alibaba-domain, region: %s, endpoint: "%s", insecure_http: true, rate: [100/s],
    keys: {access_key_id: {file: alibaba-id}, access_key_secret: {file: alibaba-secret}}}`, site, site, s.Box.Ready().Providers[sandbox.AlibabaDomain])
	}
	s.WriteFile("alibaba-id", "testid")
	s.WriteFile("alibaba-secret", "testsecret")
	return text
}

func TestContactScripts(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	for target, fault := range map[string]sandbox.Fault{
		"limited@example.com": {Kind: sandbox.RateLimit},
		"refused@example.com": {Kind: sandbox.Unauthorized},
		"lost@example.com":    {Kind: sandbox.LoseReply},
	} {
		fault.Provider, fault.Target = sandbox.AlibabaDomain, target
		if _, err := s.Box.AddFaults(fault); err != nil {
			t.Fatal(err)
		}
	}
	s.Configure(apptest.Settings{Patient: true, Top: contactAccounts(s)})
	s.ScriptsIn(t, "contacts")
}
