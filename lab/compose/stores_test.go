package compose_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestRedisIsReachedOverTLSByThoseWithAPassword(t *testing.T) {
	t.Parallel()
	redis := service(t, "redis")
	for _, want := range [][]string{{"--port", "0"}, {"--tls-port", "6379"}, {"--aclfile", "/run/keyturn/redis/users.acl"}} {
		if i := slices.Index(redis.Command, want[0]); i < 0 || redis.Command[i+1] != want[1] {
			t.Errorf("command %v lacks %v", redis.Command, want)
		}
	}
	var config struct {
		Redis struct {
			Username string
			Password struct{ File string }
			TLS      struct {
				CAFile string `yaml:"ca_file"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/compose/keyturn.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	if r := config.Redis; r.Username != "keyturn" || r.Password.File != "/run/keyturn/redis/password" || r.TLS.CAFile != "/run/keyturn/redis/ca.pem" {
		t.Errorf("the configuration has %+v", r)
	}
	if !strings.Contains(read(t, "deploy/redis/users.acl"), "user default off\n") {
		t.Error("clients without a password have rights")
	}
	for name, s := range services(t) {
		for _, v := range s.Volumes {
			if v.Source == "redis-server" && name != "redis" && name != "setup" || v.Source == "redis-client" && !ours(s) {
				t.Errorf("%s: sees the volume %s", name, v.Source)
			}
		}
	}
}

func TestRedisForgetsNothing(t *testing.T) {
	t.Parallel()
	redis := service(t, "redis")
	for _, want := range [][]string{{"--appendonly", "yes"}, {"--maxmemory-policy", "noeviction"}} {
		if i := slices.Index(redis.Command, want[0]); i < 0 || redis.Command[i+1] != want[1] {
			t.Errorf("command %v lacks %v", redis.Command, want)
		}
	}
	if mounted(redis, "/data") == "" {
		t.Error("/data is on no volume")
	}
}

func TestVaultForgetsNothing(t *testing.T) {
	t.Parallel()
	var config struct {
		Storage struct{ File struct{ Path string } }
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/compose/vault.json")), &config); err != nil {
		t.Fatal(err)
	}
	vault := service(t, "vault")
	data := mounted(vault, config.Storage.File.Path)
	if data == "" {
		t.Errorf("%q is on no volume", config.Storage.File.Path)
	}
	keys := mounted(service(t, "setup"), "/var/lib/keyturn")
	if keys == "" || keys == data {
		t.Errorf("the keys of the volume %q are on the volume %q", data, keys)
	}
	for name, s := range services(t) {
		for _, v := range s.Volumes {
			if v.Source == keys && s.Name != "setup" {
				t.Errorf("%s: sees Vault's root token", name)
			}
		}
	}
}
