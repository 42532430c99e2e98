package app

import (
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
)

func TestAnIDThatHoldsALocalPartIsNotShown(t *testing.T) {
	t.Parallel()
	pair := &rotation.Pair{Targets: [2]rotation.Access{{Target: "one@example.com"}, {Target: "two@example.com", Username: "login@example.com"}}}
	for id, c := range map[string]struct {
		cred  rotation.Credential
		tells bool
	}{
		"alerts":          {rotation.Credential{Target: "alerts@example.com"}, true},
		"ses-alerts-prod": {rotation.Credential{Target: "Alerts@example.com"}, true},
		"mail-1":          {rotation.Credential{Target: "alerts@example.com"}, false},
		"billing":         {rotation.Credential{Target: "4711", Username: "billing@example.com"}, true},
		"example.com":     {rotation.Credential{Target: "example.com"}, false}, // a domain names no person
		"one":             {rotation.Credential{Target: "one@example.com", Pair: pair}, true},
		"pair-two":        {rotation.Credential{Target: "one@example.com", Pair: pair}, true},
		"login":           {rotation.Credential{Target: "one@example.com", Pair: pair}, true},
		"sender":          {rotation.Credential{Target: "one@example.com", Pair: pair}, false},
	} {
		c.cred.ID, c.cred.Verify = id, &rotation.Verification{}
		if got := tells(&c.cred); got != c.tells {
			t.Errorf("%s: %v", id, got)
		}
	}
}

func TestWhatIsNotConfiguredAnyMoreIsNotShown(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{Verifications: []config.Verification{{Name: "owners"}}}
	if !hides(cfg, "alerts") || hides(cfg, "owners") {
		t.Error("a credential that was removed is shown, or a verification is not")
	}
}
