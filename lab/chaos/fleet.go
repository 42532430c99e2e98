package main

import (
	"fmt"

	"keyturn/internal/devenv"
)

// credential is one row of the configuration.
type credential struct {
	devenv.Credential

	// Quiet ones rotate on demand only, so that nothing but the drift check repairs what a late write does to them.
	Quiet bool
	// Mute ones have a mail server that never answers.
	Mute bool
}

// providers are those that have an SMTP server, so that everything can be verified.
var providers = []string{"tencent-ses", "alibaba-directmail", "kirimemail"}

// setters are those of them that take a password that keyturn chose.
var setters = providers[:2]

const (
	busy  = 16 // credentials at each provider that rotate all the time
	quiet = 2  // and those that do not
	mute  = 3  // whose mail server never answers
)

// fleet is what rotates: enough for a rotation every second and more, few enough for two cores.
func fleet() []credential {
	var all []credential
	for i := range busy + quiet {
		address := fmt.Sprintf("app%02d@example.com", i)
		domain := fmt.Sprintf("list%02d.example.com", i)
		all = append(all,
			credential{Quiet: i >= busy, Credential: devenv.Credential{
				ID: fmt.Sprintf("ses-%02d", i), Account: "ses", Provider: "tencent-ses",
				Target: address, Path: fmt.Sprintf("ses/%02d", i), Username: address,
			}},
			credential{Quiet: i >= busy, Credential: devenv.Credential{
				ID: fmt.Sprintf("directmail-%02d", i), Account: "directmail", Provider: "alibaba-directmail",
				Target: domain, Path: fmt.Sprintf("directmail/%02d", i), Username: domain,
			}},
			credential{Quiet: i >= busy, Credential: devenv.Credential{
				ID: fmt.Sprintf("kirim-%02d", i), Account: "kirim", Provider: "kirimemail",
				Target: fmt.Sprintf("example.com/00000000-0000-4000-8000-%012d", i),
				Path:   fmt.Sprintf("kirim/%02d", i), Username: fmt.Sprintf("shop%02d@example.com", i),
			}})
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
