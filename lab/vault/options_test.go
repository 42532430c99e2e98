package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// environment is a getenv over a map.
func environment(env map[string]string) func(string) string {
	return func(key string) string { return env[key] }
}

func TestTheOfficialCommandLineIsUnderstood(t *testing.T) {
	t.Parallel()
	opts, err := parseOptions([]string{"-dev", "-dev-root-token-id=root", "-dev-listen-address=0.0.0.0:8200", "-dev-no-store-token"},
		environment(nil), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := options{listen: "0.0.0.0:8200", token: "root", mounts: []mount{{"secret", "2"}}, auths: []string{}, logLevel: "warn"}
	if !reflect.DeepEqual(opts, want) {
		t.Errorf("got %+v\nwant %+v", opts, want)
	}
}

func TestAFlagWinsOverTheEnvironment(t *testing.T) {
	t.Parallel()
	env := environment(map[string]string{
		"VAULT_DEV_ROOT_TOKEN_ID": "from-env", "VAULT_DEV_LISTEN_ADDRESS": "127.0.0.1:1",
	})
	opts, err := parseOptions([]string{"-dev"}, env, io.Discard)
	if err != nil || opts.token != "from-env" || opts.listen != "127.0.0.1:1" {
		t.Errorf("from the environment: %+v, %v", opts, err)
	}
	opts, err = parseOptions([]string{"-dev", "-dev-root-token-id", "flag", "-dev-listen-address", "127.0.0.1:2"}, env, io.Discard)
	if err != nil || opts.token != "flag" || opts.listen != "127.0.0.1:2" {
		t.Errorf("from flags: %+v, %v", opts, err)
	}
}

func TestLoopbackIsTheDefault(t *testing.T) {
	t.Parallel()
	opts, err := parseOptions([]string{"-dev"}, environment(nil), io.Discard)
	if err != nil || opts.listen != "127.0.0.1:8200" {
		t.Errorf("got %q, %v", opts.listen, err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"neither kind of server":   {},
		"both kinds of server":     {"-dev", "-config", empty},
		"empty configuration":      {"-config", empty},
		"unknown storage":          {"-dev", "-storage", "raft"},
		"storage without a folder": {"-dev", "-storage", "file:"},
		"unknown version":          {"-dev", "-mounts", "secret:3"},
		"mount without a name":     {"-dev", "-mounts", ":2"},
		"empty token file":         {"-dev", "-root-token-file", empty},
		"argument too many":        {"-dev", "extra"},
		"unknown log level":        {"-dev", "-log-level", "loud"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := parseOptions(args, environment(nil), io.Discard); err == nil {
				t.Errorf("%q was accepted", args)
			}
		})
	}
}
