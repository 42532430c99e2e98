package main

import (
	"embed"
	"slices"
	"text/template"
	"time"
)

//go:embed keyturn.yaml.tmpl
var configText string

// descriptions are of an issuer and of a minter, as a user's files are. The sandbox plays them.
//
//go:embed maker.yaml minter.yaml
var descriptions embed.FS

var configTemplate = template.Must(template.New("keyturn.yaml").Parse(configText))

// keys are the sandbox's own management keys; there is nothing to hide about them.
var keys = []string{
	"CHAOS_TENCENT_ID=testid", "CHAOS_TENCENT_KEY=testsecret", "CHAOS_KIRIM_USER=api", "CHAOS_KIRIM_TOKEN=test-token",
	"CHAOS_MAILGUN_KEY=test-key", "CHAOS_MAKER_TOKEN=TOKEN",
}

type account struct{ Name, Provider, Endpoint, Keys, KeysFrom, SMTP string }

// deaf is where no mail server answers.
const deaf = "127.0.0.1:1"

// never is a period that no run lives to see the end of.
const never = "30d"

// checkEvery is how often each credential is checked while the fleet rotates.
const checkEvery = 20 * time.Second

// configure replaces keyturn.yaml.
func (s *stage) configure(every, driftCheck string) error {
	at := func(name, provider, keys string) account {
		return account{Name: name, Provider: provider, Endpoint: s.proxied[provider], SMTP: s.proxied["smtp "+provider], Keys: keys}
	}
	tencent := "{secret_id: {env: CHAOS_TENCENT_ID}, secret_key: {env: CHAOS_TENCENT_KEY}}"
	keys := keysEvery.String()
	if every == never {
		keys = never
	}
	muted := at("mute", "tencent-ses", tencent)
	muted.SMTP = deaf
	return s.Configure(configTemplate, map[string]any{
		"Dir": s.Dir, "Redis": s.proxied["redis"], "Vault": s.proxied["vault"], "Receiver": s.receiver.URL,
		"Every": every, "Grace": grace, "DriftCheck": driftCheck, "Credentials": slices.Concat(s.fleet, s.barred, s.managed),
		"KeysEvery": keys,
		"Accounts": append(s.keyed(), []account{
			at("ses", "tencent-ses", tencent), muted,
			at("barred", "tencent-ses", "{secret_id: {env: CHAOS_TENCENT_ID}, secret_key: {env: CHAOS_KIRIM_TOKEN}}"),
			{Name: "directmail", Provider: "alibaba-directmail", Endpoint: s.proxied["alibaba-directmail"], SMTP: s.proxied["smtp alibaba-directmail"], KeysFrom: s.managed[0].ID},
			at("mailgun", "mailgun", "{api_key: {env: CHAOS_MAILGUN_KEY}}"),
			at("maker", "maker", "{token: {env: CHAOS_MAKER_TOKEN}}"),
			at("minter", "minter", "{token: {env: CHAOS_MAKER_TOKEN}}"),
			at("kirim", "kirimemail", "{user: {env: CHAOS_KIRIM_USER}, token: {env: CHAOS_KIRIM_TOKEN}}"),
		}...),
	})
}

// keyed are the accounts whose keys rotate themselves.
func (s *stage) keyed() (all []account) {
	for _, c := range s.managed {
		all = append(all, account{Name: c.Account, Provider: cloud, Endpoint: s.proxied[cloud], KeysFrom: c.ID})
	}
	return all
}
