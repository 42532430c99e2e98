package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"keyturn/internal/config/document"
)

// three is three credentials of an account, the last of which has a verification of its own.
func three(account, target string) string {
	var b strings.Builder
	b.WriteString("credentials:\n")
	for i, verify := range []string{"", "", ", verify: off"} {
		fmt.Fprintf(&b, "  - {id: c%d, account: %s, target: %s, path: p%d%s}\n", i, account, fmt.Sprintf(target, i), i, verify)
	}
	return b.String()
}

func TestAVerificationIsBlamedWhereItWasMade(t *testing.T) {
	t.Parallel()
	set := func(account, verify string) string {
		return strings.Replace(everyProvider, "  "+account+": {", "  "+account+": {verify: "+verify+", ", 1)
	}
	without := strings.ReplaceAll(everyProvider, ", verify: off", "")
	enom, tencent := three("enom", "example%d.com"), three("tencent-ses", "a%d@example.com")
	for name, test := range map[string]struct{ text, want string }{
		"the account's, for all of its credentials": {
			strings.Replace(set("tencent-ses", "provider"), ", verify: off}\ndef", "}\ndef", 1) + tencent,
			"keyturn.yaml:8:25: accounts.tencent-ses.verify: tencent-ses has no way to read a password back (use smtp)",
		},
		"the account's, without credentials": {
			strings.Replace(set("tencent-ses", "provider"), ", verify: off}\ndef", "}\ndef", 1),
			"keyturn.yaml:8:25: accounts.tencent-ses.verify: tencent-ses has no way to read a password back (use smtp)",
		},
		"the defaults', at the account": {
			strings.Replace(without, "defaults: {", "defaults: {verify: provider, ", 1) + tencent,
			"keyturn.yaml:8:16: accounts.tencent-ses.verify: tencent-ses has no way to read a password back (use smtp)",
		},
		"an address, at the account": {
			strings.Replace(without, "tencent-ses: {", "tencent-ses: {verify: smtp, ", 1) + tencent,
			"keyturn.yaml:8:25: accounts.tencent-ses.verify.smtp.address: is missing (give it here, at the account or under defaults)",
		},
		"eNom by SMTP": {
			strings.Replace(without, "enom: {", "enom: {verify: smtp, ", 1) + enom,
			"keyturn.yaml:6:18: accounts.enom.verify.smtp.address: is missing (use provider: enom reads the password back itself)",
		},
		"the credential's own": {
			everyProvider + strings.Replace(tencent, "verify: off", "verify: provider", 1),
			"keyturn.yaml:13:78: credentials[2].verify: tencent-ses has no way to read a password back (use smtp)",
		},
	} {
		dir := t.TempDir()
		_, err := load(t, dir, test.text)
		if err == nil || strings.ReplaceAll(err.Error(), dir+"/", "") != test.want {
			t.Errorf("%s: got\n%v\nwant\n%s", name, err, test.want)
		}
	}
}

func TestWhatIsLegalButSurelyNotMeantIsAWarning(t *testing.T) {
	t.Parallel()
	one := func(path string) string {
		return everyProvider + "credentials:\n  - {id: a, account: enom, target: example.com, path: \"" + path + "\"}\n"
	}
	mail := strings.Replace(everyProvider, "enom: {", "enom: {verify: {smtp: {address: \"mail.example.com:465\"}}, ", 1)
	mail = strings.Replace(mail, "token: {env: KEY}}, verify: off}\n  kirim", "token: {env: KEY}}}\n  kirim", 1)
	for text, want := range map[string]string{
		one("mail/a"):                         "",
		one("secrets"):                        "",
		one("secret/a"):                       "begins with the mount's own name: it stands at secret/data/secret/a (write a)",
		one("kv/data/a"):                      "looks like a path of Vault's API: it stands at secret/data/kv/data/a (leave the mount and data/ out)",
		mail + three("enom", "example%d.com"): "accounts.enom.verify: warning: enom reads the password back itself",
	} {
		cfg := mustLoad(t, t.TempDir(), text)
		var texts []string
		for _, w := range cfg.Warnings {
			if !w.Warning {
				t.Errorf("%v is no warning", w)
			}
			texts = append(texts, w.Error())
		}
		if got := strings.Join(texts, "\n"); want == "" && got != "" || len(texts) > 1 || !strings.Contains(got, want) {
			t.Errorf("%s\ngot %q, want %q", text, got, want)
		}
	}
}

func TestAPathOfTheAPIIsRefused(t *testing.T) {
	t.Parallel()
	for path, hint := range map[string]string{
		"secret/data/mail/a": "write mail/a", "secret/metadata/mail/a": "write mail/a", "v1/secret/data/mail/a": "write mail/a", "v1/secret/mail/a": "write mail/a",
	} {
		_, err := load(t, t.TempDir(), everyProvider+"credentials:\n  - {id: a, account: enom, target: example.com, path: "+path+"}\n")
		var all *document.Errors
		if !errors.As(err, &all) || all.Total != 1 || all.List[0].Hint != hint || all.List[0].Field != "credentials[0].path" {
			t.Errorf("%s: got %v", path, err)
		}
		_, err = load(t, t.TempDir(), strings.Replace(everyProvider, "uid: {env: ID}", "uid: {vault: \""+path+"#uid\"}", 1))
		if !errors.As(err, &all) || all.Total != 1 || all.List[0].Hint != hint {
			t.Errorf("a key at %s: got %v", path, err)
		}
	}
}

func TestWarningsStandBesideErrors(t *testing.T) {
	t.Parallel()
	_, err := load(t, t.TempDir(), everyProvider+"credentials:\n  - {id: A, account: enom, target: example.com, path: secret/a}\n")
	var all *document.Errors
	if !errors.As(err, &all) || all.Total != 1 || len(all.Warnings) != 1 || strings.Contains(err.Error(), "warning") {
		t.Errorf("got %v and %v", err, all)
	}
}
