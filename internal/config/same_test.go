package config_test

import (
	"strings"
	"testing"

	"keyturn/internal/config"
)

// A process stays with its Redis and its stores while a comment comes or goes above them.
func TestTheSameRedisAndStoreAreTheSameOnAnotherLine(t *testing.T) {
	t.Parallel()
	const text = `redis: {address: "127.0.0.1:6379", password: {file: /secrets/a}}
vault: {address: "https://vault.example:8200", auth: {approle: {role_id: {file: /secrets/b}, secret_id: {file: /secrets/c}}}}
defaults: {schedule: {every: 30d}}
accounts:
  ses: {provider: tencent-ses, keys: {secret_id: {env: ID}, secret_key: {env: KEY}}, verify: "off"}
credentials:
  - {id: one, account: ses, target: one@example.com, path: mail/one}
`
	loaded := func(text string) *config.Config {
		t.Helper()
		cfg, err := load(t, t.TempDir(), text)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	one := loaded(text)
	for name, tt := range map[string]struct {
		text         string
		redis, store bool
	}{
		"a line above":            {"# a comment\n" + text, true, true},
		"another password":        {strings.Replace(text, "secrets/a", "secrets/z", 1), false, true},
		"another secret_id":       {strings.Replace(text, "secrets/c", "secrets/z", 1), true, false},
		"another address":         {strings.Replace(text, "6379", "6380", 1), false, true},
		"another Vault's address": {strings.Replace(text, "8200", "8201", 1), true, false},
	} {
		other := loaded(tt.text)
		if got := one.Redis.Equal(other.Redis); got != tt.redis {
			t.Errorf("%s: the same Redis: %v", name, got)
		}
		if got := one.Stores["default"].Equal(other.Stores["default"]); got != tt.store {
			t.Errorf("%s: the same store: %v", name, got)
		}
	}
}
