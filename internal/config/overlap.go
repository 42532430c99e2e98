package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"keyturn/internal/rotation"
)

// overlap reads a credential whose identities follow each other.
func (l *loader) overlap(raw *rawCredential, c *rotation.Credential, provider *rotation.Provider, all inherited) {
	rules := provider.Overlaps
	if rules == nil {
		raw.strategy.Fail("use replace, or pair where that is possible", "%s holds one password for a target: identities cannot follow each other", provider.Code)
		return
	}
	o := &rotation.Overlap{Disables: rules.Disables, Manages: len(l.managed[c.ID]) > 0}
	exclusive := raw.exclusive != nil && raw.exclusive.Boolean()
	switch {
	case exclusive && raw.label != nil:
		raw.label.FailKey("leave one of the two out", "all identities of an exclusive target are the credential's")
	case exclusive:
	case rules.CheckOwner == nil:
		raw.at.FailIn("exclusive", "set exclusive: true, if nothing else makes identities there", "identities at %s carry no label: "+
			"keyturn must be the only one that makes them", provider.Code)
	case raw.label != nil:
		o.Owner = strings.Clone(raw.label.Text())
		if err := rules.CheckOwner(o.Owner); err != nil {
			raw.label.Fail("", "%v", err)
		}
	default:
		o.Owner = ownerOf(c.ID)
	}
	if all.verify.SMTP.Username != "" {
		raw.at.FailIn("verify.smtp.username", "leave it out", "each identity of an overlap has a user name of its own")
	}
	if all.verify.Mode == rotation.VerifyProvider {
		raw.at.FailIn("verify", "use smtp or off", "%s reads back the password of a target, and an overlap has several", provider.Code)
	}
	o.Grace = l.grace(raw, all.grace, c)
	c.Overlap = o
}

// ownerOf is the label of a credential that is given none: it tells nothing, and stays when the credential is moved.
func ownerOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:5])
}

// ground is who makes identities somewhere: the first credential there, and the one whose alone they are.
type ground struct{ first, alone string }

// checkAlone reports a credential within a target that is another one's alone: keyturn would retire what it uses.
func (l *loader) checkAlone(raw *rawCredential, c *rotation.Credential) {
	account := l.cfg.Accounts[c.Account]
	if account.Provider.Overlaps == nil {
		return
	}
	if l.grounds == nil {
		l.grounds = map[string]ground{}
	}
	for _, target := range targetsOf(c) {
		name := account.Provider.Code + account.Region + " " + groundOf(target)
		g := l.grounds[name]
		other := g.alone
		if alone(c) {
			other = cmp.Or(g.alone, g.first)
			g.alone = cmp.Or(g.alone, c.ID)
		}
		if other != "" && other != c.ID {
			raw.targetValue().Fail("one credential for such a target", "%s is not exclusive to one credential: see %q", groundOf(target), other)
		}
		g.first = cmp.Or(g.first, c.ID)
		l.grounds[name] = g
	}
}

// alone reports whether all that the target has is the credential's.
func alone(c *rotation.Credential) bool { return c.Overlap != nil && c.Overlap.Owner == "" }

// groundOf is where the identities of a target are made: the domain of a target that is one credential of it.
func groundOf(target string) string {
	ground, _, _ := strings.Cut(strings.ToLower(target), "/")
	return ground
}
