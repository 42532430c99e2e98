package main

import (
	"fmt"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/alibabadomain"
	"keyturn/internal/sandbox/core"
)

// contactAccounts is the part of a configuration with an account for each site of alibaba-domain.
func contactAccounts(s *apptest.Stage) string {
	text := ""
	for _, site := range []string{"international", "china"} {
		text += fmt.Sprintf(`
  %s: {provider: alibaba-domain, region: %s, endpoint: "%s", insecure_http: true, rate: [100/s],
    keys: {access_key_id: {file: alibaba-id}, access_key_secret: {file: alibaba-secret}}}`, site, site, s.Box.Ready().Providers[alibabadomain.Code])
	}
	s.WriteFile("alibaba-id", "testid")
	s.WriteFile("alibaba-secret", "testsecret")
	return text
}

func TestContactScripts(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	for target, fault := range map[string]core.Fault{
		"limited@example.com": {Kind: core.RateLimit},
		"refused@example.com": {Kind: core.Unauthorized},
		"lost@example.com":    {Kind: core.LoseReply},
	} {
		fault.Provider, fault.Target = alibabadomain.Code, target
		if _, err := s.Box.AddFaults(fault); err != nil {
			t.Fatal(err)
		}
	}
	s.Configure(apptest.Settings{Patient: true, Top: contactAccounts(s)})
	s.ScriptsIn(t, "contacts")
}
