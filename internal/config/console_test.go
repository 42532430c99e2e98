package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/config/document"
)

// oneToken is what a console must have.
const oneToken = "tokens: {alice: {role: viewer, file: a}}"

func TestAConsoleIsWhatItsSectionSays(t *testing.T) {
	t.Parallel()
	dir, digest := t.TempDir(), sha256.Sum256([]byte("token"))
	cfg := mustLoad(t, dir, base+fmt.Sprintf(`
console:
  listen: "0.0.0.0:8420"
  url: https://Keyturn.example.com:443/
  tls: {cert_file: console.crt, key_file: /etc/keyturn/console.key}
  behind_proxy: true
  tokens:
    zoe: {role: admin, file: /run/secrets/zoe}
    alice: {role: operator, sha256: "%s"}
    audit: {role: viewer, file: tokens/audit.sha256}
`, strings.ToUpper(hex.EncodeToString(digest[:]))))
	c := cfg.Console
	if c.Listen != "0.0.0.0:8420" || c.URL.String() != "https://keyturn.example.com" || !c.BehindProxy || len(cfg.Warnings) != 0 {
		t.Errorf("%+v, %v", c, cfg.Warnings)
	}
	if want := (config.ConsoleTLS{CertFile: filepath.Join(dir, "console.crt"), KeyFile: "/etc/keyturn/console.key"}); *c.TLS != want {
		t.Errorf("got %+v, want %+v", *c.TLS, want)
	}
	want := []config.ConsoleToken{
		{Name: "alice", Role: config.ConsoleOperator, Digest: digest},
		{Name: "audit", Role: config.ConsoleViewer, File: filepath.Join(dir, "tokens", "audit.sha256")},
		{Name: "zoe", Role: config.ConsoleAdmin, File: "/run/secrets/zoe"},
	}
	if !reflect.DeepEqual(c.Tokens, want) {
		t.Errorf("got %+v, want %+v", c.Tokens, want)
	}
	// The certificate is looked at where the others are.
	if err := cfg.CheckFiles(); err == nil || !strings.Contains(err.Error(), "keyturn.yaml:16:20: console.tls.cert_file: ") {
		t.Errorf("got %v", err)
	}
}

func TestThereIsNoConsoleUnlessOneIsAskedFor(t *testing.T) {
	t.Parallel()
	if c := mustLoad(t, t.TempDir(), base).Console; c != nil {
		t.Errorf("got %+v", c)
	}
}

func TestTheURLOfAConsoleIsAsBrowsersWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "127.0.0.1:8420 http://127.0.0.1:8420",
		`listen: "localhost:9000"`: "localhost:9000 http://localhost:9000",
		`listen: "127.1.2.3:80"`:   "127.1.2.3:80 http://127.1.2.3",
		`listen: "[0:0::1]:8420"`:  "[0:0::1]:8420 http://[::1]:8420",
		`listen: "[::1]:443", tls: {cert_file: c, key_file: k}`:                                                "[::1]:443 https://[::1]",
		`tls: {cert_file: c, key_file: k}`:                                                                     "127.0.0.1:8420 https://127.0.0.1:8420",
		`url: "HTTP://LocalHost:08420"`:                                                                        "127.0.0.1:8420 http://localhost:8420",
		`url: "http://[::1]:80"`:                                                                               "127.0.0.1:8420 http://[::1]",
		`url: "https://keyturn.example.com:8443", behind_proxy: true`:                                          "127.0.0.1:8420 https://keyturn.example.com:8443",
		`listen: "10.0.0.7:1", behind_proxy: true, url: "https://keyturn"`:                                     "10.0.0.7:1 https://keyturn",
		`listen: "keyturn:1", url: "https://keyturn:1", tls: {cert_file: c, key_file: k}`:                      "keyturn:1 https://keyturn:1",
		`listen: "keyturn:1", url: "http://localhost:1", tls: {cert_file: c, key_file: k}, behind_proxy: true`: "keyturn:1 http://localhost:1",
	} {
		cfg := mustLoad(t, t.TempDir(), base+"console: {"+strings.TrimPrefix(text+", ", ", ")+oneToken+"}\n")
		if got := cfg.Console.Listen + " " + cfg.Console.URL.String(); got != want || len(cfg.Warnings) != 0 {
			t.Errorf("%s: got %s, want %s; %v", text, got, want, cfg.Warnings)
		}
	}
}

func TestAURLThatIsNoneOfAConsoleIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://keyturn.example.com/console":   "must have no path",
		"https://keyturn.example.com//":         "must have no path",
		"https://keyturn.example.com?hunter2=1": "must have no query",
		"https://keyturn.example.com#hunter2":   "must have no query and no fragment",
		"https://u:hunter2@keyturn.example.com": "must not hold a user name or password",
		"https://hunter2@keyturn.example.com":   "must not hold a user name or password",
		"http://keyturn.example.com":            "sends tokens in clear",
		"http://localhost.example.com":          "sends tokens in clear",
		"http://10.0.0.7":                       "sends tokens in clear",
		"ftp://keyturn.example.com":             "is not the URL of a server",
		"keyturn.example.com":                   "is not the URL of a server",
		"https://":                              "is not the URL of a server",
		"https://*":                             "is not the URL of a server",
		"https://a,b":                           "is not the URL of a server",
		"https://keyturn.example.com:0":         "is not the URL of a server",
		"https://keyturn.example.com:65536":     "is not the URL of a server",
		"https://[fe80::1%25eth0]":              "is not the URL of a server",
		"https://keyturn.example.com:hunter2":   "is not the URL of a server",
	} {
		_, err := load(t, t.TempDir(), base+"console: {behind_proxy: true, url: '"+text+"', "+oneToken+"}\n")
		var all *document.Errors
		if !errors.As(err, &all) || all.Total != 1 || !strings.Contains(err.Error(), "keyturn.yaml:12:") ||
			!strings.Contains(err.Error(), ": console.url: "+want) || all.List[0].Hint == "" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestAnAddressToListenAtIsRefusedUnlessItIsOne(t *testing.T) {
	t.Parallel()
	for _, text := range []string{":8420", "8420", "127.0.0.1", "::1:8420", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:", "http://127.0.0.1:8420"} {
		_, err := load(t, t.TempDir(), base+"console: {listen: '"+text+"', "+oneToken+"}\n")
		var all *document.Errors
		if !errors.As(err, &all) || all.Total != 1 || !strings.Contains(err.Error(), "console.listen: must be HOST:PORT (such as 127.0.0.1:8420") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// Whatever is not a loopback address needs TLS, from the console itself or from a proxy.
func TestTokensDoNotTravelInClear(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:8420", "[::]:8420", "10.0.0.7:8420", "keyturn:8420", "localhost.example.com:8420"} {
		section := "console: {listen: '" + address + "', url: https://keyturn.example.com, " + oneToken
		_, err := load(t, t.TempDir(), base+section+"}\n")
		if err == nil || !strings.Contains(err.Error(), "console.listen: is not a loopback address") || !strings.Contains(err.Error(), "give tls, or behind_proxy: true") {
			t.Errorf("%s: got %v", address, err)
		}
		for _, safe := range []string{", behind_proxy: true", ", tls: {cert_file: c, key_file: k}", ", behind_proxy: true, tls: {cert_file: c, key_file: k}"} {
			if cfg := mustLoad(t, t.TempDir(), base+section+safe+"}\n"); len(cfg.Warnings) != 0 {
				t.Errorf("%s%s: %v", address, safe, cfg.Warnings)
			}
		}
	}
}

func TestAURLThatDoesNotReachTheConsoleIsAWarning(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"url: https://keyturn.example.com":                            "the console is served without TLS, and https does not reach it (give tls, or behind_proxy: true",
		"url: 'http://localhost:1', tls: {cert_file: c, key_file: k}": "the console is served with TLS, and http does not reach it (write https)",
	} {
		cfg := mustLoad(t, t.TempDir(), base+"console: {"+text+", "+oneToken+"}\n")
		if len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0].Error(), "keyturn.yaml:12:16: console.url: warning: "+want) {
			t.Errorf("%s: %v", text, cfg.Warnings)
		}
	}
}

// TestATokenInTheWrongPlaceIsNotShown writes a token wherever a user might by mistake.
func TestATokenInTheWrongPlaceIsNotShown(t *testing.T) {
	t.Parallel()
	const canary = "hunter2hunter2"
	for _, tokens := range []string{
		canary, "[" + canary + "]", "{a: " + canary + "}", "{a: [" + canary + "]}",
		"{a: {role: viewer, sha256: " + canary + "}}",
		"{a: {role: viewer, sha256: '" + canary + "'}}",
		"{a: {role: viewer, sha256: [" + canary + "]}}",
		"{a: {role: viewer, token: " + canary + "}}",
		"{a: {role: " + canary + ", file: f}}",
		"{a: {role: viewer, file: f, sha256: " + canary + "}}",
		"\n    a:\n      sha256: " + canary + "\n      role: viewer",
	} {
		if got := render(t, t.TempDir(), base+"console:\n  tokens: "+tokens+"\n"); strings.Contains(got, canary) {
			t.Errorf("the token is shown:\n%s", got)
		}
	}
}
