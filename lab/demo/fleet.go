package main

import (
	"fmt"

	"keyturn/internal/devenv"
)

// fleet is what the demo rotates: enough to see work side by side, at three providers that take passwords and at one
// that makes them, pairs of addresses that take turns, and identities that follow each other. eNom's passwords are no SMTP passwords.
func fleet() []devenv.Credential {
	var all []devenv.Credential
	for i := range 22 {
		address := fmt.Sprintf("app%02d@example.com", i)
		all = append(all, devenv.Credential{
			ID: fmt.Sprintf("ses-app%02d", i), Account: "ses", Provider: "tencent-ses", Target: address,
			Path: fmt.Sprintf("mail/ses/app%02d", i), Username: address,
		})
	}
	for i := range 6 {
		a, b := fmt.Sprintf("shop%02d-a@example.com", i), fmt.Sprintf("shop%02d-b@example.com", i)
		all = append(all, devenv.Credential{
			ID: fmt.Sprintf("ses-shop%02d", i), Account: "ses", Provider: "tencent-ses", Target: a, Second: b,
			Path: fmt.Sprintf("mail/ses/shop%02d", i), Username: a,
		})
	}
	for i := range 14 {
		domain := fmt.Sprintf("list%02d.example.com", i)
		all = append(all, devenv.Credential{
			ID: fmt.Sprintf("directmail-list%02d", i), Account: "directmail", Provider: "alibaba-directmail", Target: domain,
			Path: fmt.Sprintf("mail/directmail/list%02d", i), Username: domain,
		})
	}
	for i := range 12 {
		domain := fmt.Sprintf("brand%02d.com", i)
		all = append(all, devenv.Credential{
			ID: fmt.Sprintf("enom-brand%02d", i), Account: "domains", Provider: "enom", Target: domain,
			Path: fmt.Sprintf("domains/brand%02d", i), Username: domain,
		})
	}
	for i := range 14 {
		guid := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		all = append(all, devenv.Credential{
			ID: fmt.Sprintf("kirim-shop%02d", i), Account: "kirim", Provider: "kirimemail", Target: "example.com/" + guid,
			Path: fmt.Sprintf("mail/kirim/shop%02d", i), Username: fmt.Sprintf("shop%02d@example.com", i),
		})
	}
	for i := range 4 {
		all = append(all, devenv.Credential{
			ID: fmt.Sprintf("kirim-news%02d", i), Account: "kirim", Provider: "kirimemail", Target: "example.com",
			Path: fmt.Sprintf("mail/kirim/news%02d", i), Overlaps: true,
		})
	}
	return all
}
