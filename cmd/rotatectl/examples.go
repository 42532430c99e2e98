package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are what --help shows of each command: a line each, of what a person would type.
func examples() map[string][]string {
	return map[string][]string{
		"abandon": {"abandon alerts"},
		"adopt":   {"adopt alerts < password", "adopt shop --target shop-b@example.com"},
		"check":   {"check alerts --wait"},
		"config check": {
			"config check",
			"config check --secrets",
			"config check -c new.yaml --was keyturn.yaml",
		},
		"deliveries":        {"deliveries"},
		"deliveries resend": {"deliveries resend webhook.pager --all", "deliveries resend webhook.pager 1767225600000-0"},
		"doctor":            {"doctor", "doctor --strict -o json"},
		"events":            {"events --since 7d --type quarantined", "events --follow -o json | jq -r .credential"},
		"explain":           {"explain alerts"},
		"freeze":            {"freeze --owner payments --until 2027-01-07 --reason 'year end'", "freeze --all --until 4h --reason 'incident 4711'"},
		"import":            {"import PROVIDER --account kirim --domain example.com > credentials/kirim.yaml", "import --csv mailboxes.csv --account ses > credentials/ses.yaml"},
		"init":              {"init   # names the providers", "init --provider CODE -c /etc/keyturn/keyturn.yaml"},
		"keys test":         {"keys test --account ses"},
		"plan":              {"plan", "plan --account ses --days 90"},
		"provider check":    {"provider check example.yaml", "provider check --embedded"},
		"provider new":      {"provider new example --mode setter > example.yaml"},
		"provider try":      {"provider try example.yaml --target a@example.com", "provider try example.yaml --target a@example.com --account trial --for-real"},
		"recover":           {"recover alerts", "recover alerts --by-worker --wait"},
		"release":           {"release alerts"},
		"report":            {"report > report.csv", "report --owner payments -o json"},
		"retire":            {"retire news --wait", "retire news --now", "retire news --hold"},
		"retry":             {"retry alerts --wait"},
		"rotate": {
			"rotate alerts billing --wait",
			"rotate --all --account ses --wait --yes",
			"rotate --leaked alerts",
		},
		"status":          {"status", "status --state quarantined --state in-doubt", "status --account ses --older-than 30d -o json"},
		"thaw":            {"thaw --owner payments"},
		"unpause":         {"unpause ses"},
		"verify-contacts": {"verify-contacts owner@example.com billing@example.com"},
		"which":           {"which --stdin < leaked", "which --account ses   # asks for it at a terminal"},
	}
}

// illustrate gives the commands below cmd their examples.
func illustrate(cmd *cobra.Command) {
	all := examples()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if lines := all[strings.TrimPrefix(c.CommandPath(), "rotatectl ")]; len(lines) > 0 {
			c.Example = "  rotatectl " + strings.Join(lines, "\n  rotatectl ")
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(cmd)
}
