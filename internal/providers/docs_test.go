package providers_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/providers"
	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const (
	generatedBegin = "<!-- generated from the provider's data by `go generate ./internal/providers`: do not edit -->\n"
	generatedEnd   = "<!-- end of the generated part -->\n"
)

func TestDocsAgreeWithTheData(t *testing.T) {
	t.Parallel()
	checkPage(t, "README.md", overview(t))
	for _, p := range providers.All() {
		checkPage(t, p.Code+".md", facts(t, p)+"\n"+errorTable(p))
	}
}

// checkPage compares, or replaces, what stands between the marks of a page.
func checkPage(t *testing.T, name, want string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "providers", name)
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), generatedBegin)
	got, after, ends := strings.Cut(rest, generatedEnd)
	if !begins || !ends {
		t.Fatalf("%s has no generated part", name)
	}
	want = "\n" + want + "\n"
	if got == want {
		return
	}
	if !*providertest.Update {
		t.Errorf("%s is out of date: go generate ./internal/providers", name)
		return
	}
	page = []byte(before + generatedBegin + want + generatedEnd + after)
	if err := os.WriteFile(path, page, 0o600); err != nil {
		t.Fatal(err)
	}
}

func overview(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| provider | call | kind | password rule | default limit | verified by | strategies | lists | sandbox |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, p := range providers.All() {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s | %s | %s | %s | %s | yes |\n",
			p.Code, p.Code, p.Call, kind(p.Mode), rule(p), limit(p.Rate), verifiedBy(t, p), strategies(p), lists(p))
	}
	return b.String()
}

func facts(t *testing.T, p rotation.Provider) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| | |\n| --- | --- |\n")
	row := func(name, value string) { fmt.Fprintf(&b, "| %s | %s |\n", name, value) }
	row("provider code", "`"+p.Code+"`")
	row("call", fmt.Sprintf("[%s](%s)", p.Call, p.Doc))
	row("kind", kind(p.Mode))
	row("keys of an account", "`"+strings.Join(p.Keys, "`, `")+"`")
	switch endpoint := p.Endpoint(""); {
	case endpoint == "":
		row("endpoint", "each account's own")
	case len(p.Regions) == 0:
		row("endpoint", "`"+endpoint+"`")
	}
	for i, region := range p.Regions {
		name := "region `" + region + "`"
		if i == 0 {
			name += " (default)"
		}
		row(name, "`"+p.Endpoint(region)+"`")
	}
	row("default limit of an account", limit(p.Rate))
	row("password rule", rule(p))
	row("verified by", verifiedBy(t, p)+mailServer(p))
	row("strategies", strategies(p))
	row("lists its credentials", lists(p))
	return b.String()
}

func errorTable(p rotation.Provider) string {
	var b strings.Builder
	b.WriteString("| code | HTTP | kind | what it means and what to do |\n| --- | --- | --- | --- |\n")
	for _, row := range p.Errors {
		status := ""
		if row.Status != 0 {
			status = fmt.Sprint(row.Status)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", row.Code, status, row.Kind, row.Hint)
	}
	return b.String()
}

func kind(m rotation.Mode) string {
	switch m {
	case rotation.ModeSetter:
		return "setter: takes our password"
	case rotation.ModeIssuer:
		return "issuer: makes the password"
	case rotation.ModeContacts:
		return "contacts: mails links, rotates nothing"
	case rotation.ModeMinter:
		return "minter: makes another identity"
	}
	return "unknown"
}

func limit(r rotation.Rate) string {
	if r.Per == time.Second {
		return fmt.Sprintf("%d a second", r.Requests)
	}
	return fmt.Sprintf("%d a minute", int(float64(r.Requests)*time.Minute.Seconds()/r.Per.Seconds()))
}

func rule(p rotation.Provider) string {
	if p.Mode != rotation.ModeSetter {
		return "none"
	}
	text := fmt.Sprintf("%d–%d characters", p.Rule.MinLength, p.Rule.MaxLength)
	for _, class := range []struct {
		name string
		policy.Class
	}{{"digits", p.Rule.Digits}, {"lower-case letters", p.Rule.Lower}, {"upper-case letters", p.Rule.Upper}} {
		if class.MinDistinct > 0 {
			text += fmt.Sprintf("; %d different %s", class.MinDistinct, class.name)
		}
	}
	if p.Rule.AllowedSymbols == "" {
		return text + "; no symbols"
	}
	return text + "; symbols `" + strings.ReplaceAll(p.Rule.AllowedSymbols, "|", `\|`) + "`"
}

func strategies(p rotation.Provider) string {
	if p.Mode == rotation.ModeContacts {
		return "none"
	}
	var all []string
	if p.Mode != rotation.ModeMinter {
		all = append(all, "replace")
	}
	if p.Pairs {
		all = append(all, "pair")
		if p.SendsAs {
			all[1] += " (the sender alternates too)"
		}
	}
	if p.Overlaps != nil {
		all = append(all, "overlap")
	}
	return strings.Join(all, ", ")
}

// mailServer is where passwords are verified by default.
func mailServer(p rotation.Provider) string {
	if p.SMTP == nil {
		return ""
	}
	return ", by default at `" + p.SMTP("").Address + "`"
}

func lists(p rotation.Provider) string {
	if p.Lists {
		return "yes"
	}
	return "no"
}

// verifiedBy asks the client itself.
func verifiedBy(t *testing.T, p rotation.Provider) string {
	t.Helper()
	switch c := client(t, p); {
	case c.ReadBack != nil:
		return "the provider's read-back"
	case c.Contacts != nil:
		return "a result per address"
	case p.NoLogin:
		return "nothing: it logs in to no mail server"
	default:
		return "SMTP AUTH"
	}
}

// client is one that never calls anything.
func client(t *testing.T, p rotation.Provider) rotation.Client {
	t.Helper()
	keys := map[string]secret.Value{}
	for _, name := range p.Keys {
		keys[name] = secret.New("key")
	}
	c, err := p.New(rotation.Settings{Endpoint: cmp.Or(p.Endpoint(""), "https://example.com"), Keys: keys, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
