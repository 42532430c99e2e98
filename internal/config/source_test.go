package config_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/config/document"
	"keyturn/internal/secret"
)

const sourced = `redis: {address: "localhost:6379"}
vault: {address: "https://vault:8200", auth: {token: {env: KEYTURN_TEST_UNSET}}}
accounts:
  a: {provider: kirimemail, keys: {user: {env: KEYTURN_TEST_USER}, token: {file: token}}}
  b: {provider: kirimemail, keys: {user: {vault: "keys/b#user"}, token: {file: missing}}}
`

func TestKeysComeFromTheEnvironmentFilesAndVault(t *testing.T) {
	t.Setenv("KEYTURN_TEST_USER", "jane")
	dir := t.TempDir()
	write(t, dir, "token", "s3cret\n")
	write(t, dir, "missing", "there\r\n")
	cfg := mustLoad(t, dir, sourced)
	keys, err := cfg.ResolveKeys(t.Context(), func(_ context.Context, ref config.VaultRef) (secret.Value, error) {
		return secret.New(ref.Store + ":" + ref.Path + ":" + ref.Field), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ account, key, want string }{
		{"a", "user", "jane"}, {"a", "token", "s3cret"}, {"b", "user", "default:keys/b:user"}, {"b", "token", "there"},
	} {
		if got := keys[c.account][c.key]; !got.Equal(secret.New(c.want)) {
			t.Errorf("%s.%s is not %q", c.account, c.key, c.want)
		}
	}
}

const ofAUnit = `redis: {address: "localhost:6379", password: {file: $CREDENTIALS_DIRECTORY/redis}}
vault: {address: "https://vault:8200", auth: {token: {file: $CREDENTIALS_DIRECTORY/vault}}}
accounts: {a: {provider: kirimemail, keys: {user: {env: A}, token: {env: B}}}}
`

func TestAFileOfAUnitIsFoundInTheUnitAlone(t *testing.T) {
	dir, handed := t.TempDir(), t.TempDir()
	write(t, handed, "redis", "s3cret\n")
	t.Setenv("CREDENTIALS_DIRECTORY", handed)
	if got, err := mustLoad(t, dir, ofAUnit).Redis.Password.Read(t.Context(), nil); err != nil || got.Reveal() != "s3cret" {
		t.Errorf("in the unit: %v", err)
	}

	// Anywhere else the configuration loads, and what is missing is named with its place.
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, err := mustLoad(t, dir, ofAUnit).Redis.Password.Read(t.Context(), nil)
	var at *document.Error
	if !errors.As(err, &at) || at.Line != 1 || at.Field != "redis.password" || !strings.Contains(at.Message, "CREDENTIALS_DIRECTORY is not set") {
		t.Errorf("outside of it: %v", err)
	}
}

func TestNoOtherVariableIsReplacedInAPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"$HOME/key", "${CREDENTIALS_DIRECTORY}/key", "$CREDENTIALS_DIRECTORY", "$CREDENTIALS_DIRECTORYX/key"} {
		_, err := load(t, t.TempDir(), strings.ReplaceAll(ofAUnit, "$CREDENTIALS_DIRECTORY/redis", `"`+path+`"`))
		if err == nil || !strings.Contains(err.Error(), "variables in paths are not replaced") || !strings.Contains(err.Error(), "$CREDENTIALS_DIRECTORY/NAME") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

const everyKind = `redis: {address: "localhost:6379", password: {env: KEYTURN_TEST_KEY}}
vault: {address: "https://vault:8200", auth: {token: {env: KEYTURN_TEST_KEY}}}
accounts:
  env: {provider: kirimemail, keys: {user: {env: KEYTURN_TEST_KEY}, token: {env: KEYTURN_TEST_KEY}}}
  file: {provider: kirimemail, keys: {user: {file: key}, token: {file: key}}}
  vault: {provider: kirimemail, keys: {user: {vault: "keys/a#user"}, token: {vault: "keys/a#token"}}}
`

func TestKeysOfEveryKindAreTrimmedAlike(t *testing.T) {
	t.Setenv("KEYTURN_TEST_KEY", "")
	for _, around := range [][2]string{{"", "\n"}, {"", "\r\n"}, {"", "\n\n"}, {"", "\r"}, {"\ufeff", ""}, {"\ufeff", "\r\n"}} {
		text := around[0] + "s3cret key" + around[1]
		t.Setenv("KEYTURN_TEST_KEY", text)
		dir := t.TempDir()
		write(t, dir, "key", text)
		cfg := mustLoad(t, dir, everyKind)
		keys, err := cfg.ResolveKeys(t.Context(), func(context.Context, config.VaultRef) (secret.Value, error) { return secret.New(text), nil })
		if err != nil {
			t.Fatal(err)
		}
		for account, pair := range keys {
			if got := pair["token"]; got.Reveal() != "s3cret key" {
				t.Errorf("%q from %s is %q", text, account, got.Reveal())
			}
		}
		for _, source := range []config.Source{cfg.Redis.Password, cfg.Stores["default"].Auth.Secret} {
			if got, err := source.Read(t.Context(), nil); err != nil || got.Reveal() != "s3cret key" {
				t.Errorf("%q is %q, %v", text, got.Reveal(), err)
			}
		}
	}
}

func TestAKeyThatNoHeaderCarriesIsNamedWhateverItsKind(t *testing.T) {
	t.Setenv("KEYTURN_TEST_KEY", "")
	for _, text := range []string{"s3\ncret", "\ns3cret", "s3cret ", " s3cret", "s3\tcret", "s3\u200bcret", "s3cr\u00e9t", "s\x013cret", "s3cret\n \n"} {
		t.Setenv("KEYTURN_TEST_KEY", text)
		dir := t.TempDir()
		write(t, dir, "key", text)
		cfg := mustLoad(t, dir, everyKind)
		_, err := cfg.ResolveKeys(t.Context(), func(context.Context, config.VaultRef) (secret.Value, error) { return secret.New(text), nil })
		var all *document.Errors
		if !errors.As(err, &all) || all.Total != 6 {
			t.Fatalf("%q: got %v, want 6 errors", text, err)
		}
		for i, line := range []int{4, 4, 5, 5, 6, 6} {
			if one := all.List[i]; one.Line != line || !strings.Contains(one.Message, "character ") || one.Hint == "" {
				t.Errorf("%q: got %v", text, one)
			}
		}
		if strings.Contains(err.Error(), "3cr") {
			t.Errorf("the key is shown: %v", err)
		}
	}
}

func TestEveryMissingKeyIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "token", "\n")
	cfg := mustLoad(t, dir, sourced)
	_, err := cfg.ResolveKeys(t.Context(), nil)
	file := filepath.Join(dir, "keyturn.yaml")
	want := strings.Join([]string{
		file + ":4:42: accounts.a.keys.user: environment variable KEYTURN_TEST_USER is not set (export it, or use {file: PATH})",
		file + ":4:75: accounts.a.keys.token: file " + dir + "/token is empty",
		file + ":5:42: accounts.b.keys.user: Vault default:keys/b#user cannot be asked for this (use {env: NAME} or {file: PATH})",
		file + ":5:73: accounts.b.keys.token: open " + dir + "/missing: no such file or directory",
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var one *document.Error
	if _, err := cfg.Accounts["a"].Keys["user"].Read(t.Context(), nil); !errors.As(err, &one) || one.Line != 4 {
		t.Errorf("got %v, want line 4", err)
	}
}

// TestNoSecretInTheWrongPlaceIsRepeated writes a secret wherever a user might by mistake.
func TestNoSecretInTheWrongPlaceIsRepeated(t *testing.T) {
	t.Parallel()
	const canary = "hunter2hunter2"
	for _, text := range []string{
		strings.ReplaceAll(base, "{env: KEY}", canary),
		strings.ReplaceAll(base, "{env: KEY}", "["+canary+"]"),
		strings.ReplaceAll(base, "{env: VAULT_TOKEN_FILE}", canary),
		strings.ReplaceAll(base, "https://vault:8200", "https://user:"+canary+"@vault:8200"),
		strings.ReplaceAll(base, "https://vault:8200", "https://vault:82:"+canary),
		strings.ReplaceAll(base, `"localhost:6379"`, `"redis://:`+canary+`@localhost:6379"`),
		strings.ReplaceAll(base, `"localhost:6379"`, `"localhost:6379", password: `+canary),
		strings.ReplaceAll(base, "provider: kirimemail", "provider: kirimemail\n    endpoint: 'http://u:"+canary+"@localhost'"),
	} {
		_, err := load(t, t.TempDir(), text)
		if err == nil {
			t.Errorf("no error for:\n%s", text)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("the secret is repeated: %v", err)
		}
	}
}
