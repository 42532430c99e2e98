package doctor

import (
	"fmt"
	"time"

	"keyturn/internal/vaultkv"
)

const (
	// shortLogin is a life of tokens that means a login every few requests.
	shortLogin = time.Minute
	// tooSoon is less than what a person needs to hear of a token that ends and to replace it.
	tooSoon = 7 * 24 * time.Hour
	// nearlyOver is less than what an agent that replaces a file leaves of a token.
	nearlyOver = 10 * time.Minute
)

// token judges how long the token lasts, and whether there will be another one.
func (s Store) token(t vaultkv.Token) []Finding {
	var all []Finding
	if t.Uses > 0 {
		all = append(all, s.finding(Error, fmt.Sprintf("the token is good for %d more requests", t.Uses), "then every request is refused, in the middle of rotations too",
			"have its role make tokens without that limit", s.role("token_num_uses=0")...))
	}
	if t.Default {
		all = append(all, s.finding(Warning, "the token carries Vault's default policy", "Vault evaluates its templates at every request, which halves the rotations per second",
			"have its role leave it out; the policies in deploy/vault have what keyturn needs of it", s.role("token_no_default_policy=true")...))
	}
	return append(all, s.life(t))
}

func (s Store) life(t vaultkv.Token) Finding {
	left := t.Left.Round(time.Second)
	switch fixed := s.Config.Auth.Method == string(vaultkv.MethodToken); {
	case t.Left == 0:
		return s.finding(OK, "the token has no end", "", "")
	case !fixed && t.Left < shortLogin:
		return s.finding(Warning, fmt.Sprintf("a login gives a token for %v", left), "keyturn logs in again and again; each login makes a lease in Vault, and a call that waits for it may be late",
			"have the role make tokens that live longer", s.role("token_ttl=1h", "token_max_ttl=24h")...)
	case !fixed:
		return s.finding(OK, fmt.Sprintf("the token lives %v; then keyturn renews it, or logs in again", left), "", "")
	case t.Renewable && t.Period > 0 && t.Most == 0:
		return s.finding(OK, fmt.Sprintf("the token lives %v, and can be renewed without a limit", left), "", "")
	}
	return s.ends(t)
}

// ends judges a token that was given to keyturn, and after which there is no other one unless a person or an agent brings
// it.
func (s Store) ends(t vaultkv.Token) Finding {
	end := t.Left
	what := "the token ends in %v, and cannot be renewed"
	switch {
	case t.Renewable && t.Most > 0:
		end, what = t.Most, "the token ends in %v, whatever is renewed"
	case t.Renewable:
		what = "the token lives %v, and can be renewed only until Vault's max TTL"
	}
	f := s.finding(Error, fmt.Sprintf(what, end.Round(time.Second)), "after its end nothing rotates, and keyturn has nothing to log in with",
		"log in by approle, kubernetes or jwt (deploy/vault/README.md), or use a token that can be renewed without a limit",
		"vault token create -orphan -period=24h -no-default-policy -policy=keyturn-worker")
	file := s.Config.Auth.Secret.File
	known := !t.Renewable || t.Most > 0
	switch {
	case file != "" && (!known || end > nearlyOver):
		f.Severity = Warning
		f.Fix = "see that something replaces " + file + " in time, as Vault Agent does; else " + f.Fix
	case !known || end > tooSoon:
		f.Severity = Warning
	}
	return f
}

// role is the command that changes the role of the login; none where it is not known to be an AppRole's.
func (s Store) role(settings ...string) []string {
	if s.Config.Auth.Method != string(vaultkv.MethodAppRole) {
		return nil
	}
	command := fmt.Sprintf("vault write auth/%s/role/NAME", s.mount())
	for _, setting := range settings {
		command += " " + setting
	}
	return []string{command}
}

func (s Store) mount() string {
	if s.Config.Auth.Mount != "" {
		return s.Config.Auth.Mount
	}
	return s.Config.Auth.Method
}
