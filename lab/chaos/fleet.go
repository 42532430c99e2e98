package main

import (
	"cmp"
	"fmt"
	"slices"

	"keyturn/internal/devenv"
)

// credential is one row of the configuration.
type credential struct {
	devenv.Credential

	// Quiet ones rotate on demand only, so that nothing but the drift check repairs what a late write does to them.
	Quiet bool
	// Manages ones are management keys.
	Manages bool
	// Mute ones have a mail server that never answers.
	Mute bool
}

// strategy is what the configuration says.
func (c *credential) strategy() string {
	switch {
	case c.Second != "":
		return "pair"
	case c.Overlaps:
		return "overlap"
	default:
		return "replace"
	}
}

// busy tells whether it rotates all the time, and can.
func (c *credential) busy() bool { return !c.Quiet && !c.Mute }

// at is what the sandbox knows by the password of a version of current.
func (c *credential) at(e devenv.Entry) string {
	target := cmp.Or(e.Target, c.Target)
	if e.Identity != "" {
		target += "/" + e.Identity
	}
	return target
}

// targets are all that the sandbox may know of a credential, where an identity is in use or none.
func (c *credential) targets(identity string) []string {
	switch c.strategy() {
	case "pair":
		return []string{c.Target, c.Second}
	case "overlap":
		return []string{c.Target + "/" + identity}
	default:
		return []string{c.Target}
	}
}

// providers are those that have an SMTP server, so that everything can be verified. Mailgun is described in a file that
// keyturn has with it, maker and minter in files of this folder.
var providers = []string{"tencent-ses", "alibaba-directmail", "mailgun", "kirimemail", "maker", "minter"}

// single are those of them at which a target has one password.
var single = providers[:5]

// setters are those of them that take a password that keyturn chose; the others make it.
var setters = providers[:3]

// minters are those that make another identity for each rotation of an overlap.
var minters = []string{"kirimemail", "minter"}

const (
	busy  = 16 // credentials of each strategy that rotate all the time, spread over the providers
	quiet = 2  // credentials at each provider that do not
	mute  = 3  // whose mail server never answers
)

// fleet is what rotates: enough for a rotation every second and more, few enough for two cores.
func fleet() []credential {
	var all []credential
	for n := range busy {
		all = append(all, replaced(n%len(single), n/len(single), false), paired(n%len(single), n/len(single)), overlapping(n))
	}
	for n := range quiet * len(single) {
		all = append(all, replaced(n%len(single), busy+n/len(single), true))
	}
	for i := range mute {
		address := fmt.Sprintf("mute%02d@example.com", i)
		all = append(all, credential{Mute: true, Credential: devenv.Credential{
			ID: fmt.Sprintf("mute-%02d", i), Account: "mute", Provider: "tencent-ses",
			Target: address, Path: fmt.Sprintf("mute/%02d", i), Username: address,
		}})
	}
	return all
}

// names are the accounts and parts of the ids, by provider.
var names = []string{"ses", "directmail", "mailgun", "kirim", "maker", "minter"}

// replaced is the nth credential of a provider that has one password.
func replaced(provider, n int, quiet bool) credential {
	target, username := targetOf(provider, n, "app")
	return credential{Quiet: quiet, Credential: devenv.Credential{
		ID: fmt.Sprintf("%s-%02d", names[provider], n), Account: names[provider], Provider: providers[provider],
		Target: target, Path: fmt.Sprintf("%s/%02d", names[provider], n), Username: username,
	}}
}

// paired is the nth credential of a provider whose two targets take turns.
func paired(provider, n int) credential {
	c := replaced(provider, n, false)
	c.ID, c.Path = fmt.Sprintf("%s-pair-%02d", names[provider], n), fmt.Sprintf("%s/pair-%02d", names[provider], n)
	c.Target, c.Username = targetOf(provider, n, "a")
	c.Second, _ = targetOf(provider, n, "b") // which is its user name too
	return c
}

// overlapping is the nth credential for which a provider, each in turn, makes another identity with each rotation.
func overlapping(n int) credential {
	code := minters[n%len(minters)]
	account := names[slices.Index(providers, code)]
	return credential{Credential: devenv.Credential{
		ID: fmt.Sprintf("%s-overlap-%02d", account, n/len(minters)), Account: account, Provider: code, Target: "example.com",
		Path: fmt.Sprintf("%s/overlap-%02d", account, n/len(minters)), Overlaps: true,
	}}
}

// identity is what the whole run calls an identity, or a target: no two providers have one of the same name.
func identity(provider, target string) string { return provider + " " + target }

// targetOf is the nth target of a kind at a provider, and what a program logs in with there.
func targetOf(provider, n int, kind string) (target, username string) {
	switch providers[provider] {
	case "alibaba-directmail":
		domain := fmt.Sprintf("%s%02d.example.com", kind, n)
		return domain, domain
	case "kirimemail":
		guid := fmt.Sprintf("00000000-0000-4000-8000-%02d%010d", slices.Index([]string{"app", "a", "b"}, kind), n)
		return "example.com/" + guid, fmt.Sprintf("%s%02d@example.com", kind, n)
	default:
		address := fmt.Sprintf("%s%02d@example.com", kind, n)
		return address, address
	}
}

// barred are the credentials of an account whose management key is refused: nothing may become of them, and no other may
// notice.
func barred() []credential {
	var all []credential
	for i := range 3 {
		address := fmt.Sprintf("barred%02d@example.com", i)
		all = append(all, credential{Credential: devenv.Credential{
			ID: fmt.Sprintf("barred-%02d", i), Account: "barred", Provider: "tencent-ses",
			Target: address, Path: fmt.Sprintf("barred/%02d", i), Username: address,
		}})
	}
	return all
}
