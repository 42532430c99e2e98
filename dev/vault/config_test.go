package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// configured writes a configuration that listens on a free port.
func configured(t *testing.T, storage string) (path string) {
	t.Helper()
	text := fmt.Sprintf(`{
		"storage": {"file": {"path": %q}},
		"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}],
		"disable_mlock": true
	}`, storage)
	path = filepath.Join(t.TempDir(), "vault.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// put sends body to addr and returns the answer.
func put(t *testing.T, addr, path, body string) (answer map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, addr+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: HTTP %d, %v", path, resp.StatusCode, err)
	}
	return answer
}

func TestAConfiguredServerIsInitialisedOverItsAPIAndSealedAfterARestart(t *testing.T) {
	t.Parallel()
	config := configured(t, filepath.Join(t.TempDir(), "data"))
	addr, stop := start(t, "-config", config)
	if got := status(t, addr); got != exitSealed {
		t.Errorf("a new server: status %d, want %d", got, exitSealed)
	}
	made := put(t, addr, "sys/init", `{"secret_shares":1,"secret_threshold":1}`)
	unseal := fmt.Sprintf(`{"key":%q}`, made["keys_base64"].([]any)[0])
	put(t, addr, "sys/unseal", unseal)
	if got := status(t, addr); got != exitOK {
		t.Errorf("unsealed: status %d, want %d", got, exitOK)
	}
	if got := stop(); got != exitOK {
		t.Errorf("the server ended with %d", got)
	}

	addr, stop = start(t, "-config", config)
	if got := status(t, addr); got != exitSealed {
		t.Errorf("after a restart: status %d, want %d", got, exitSealed)
	}
	put(t, addr, "sys/unseal", unseal)
	if got := status(t, addr); got != exitOK {
		t.Errorf("unsealed again: status %d, want %d", got, exitOK)
	}
	stop()
}

func TestASettingWithoutEffectIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown":     `{"storage": {"raft": {"path": "x"}}}`,
		"TLS":         `{"storage": {"file": {"path": "x"}}, "listener": [{"tcp": {"address": "127.0.0.1:0"}}]}`,
		"no storage":  `{"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}]}`,
		"no listener": `{"storage": {"file": {"path": "x"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "vault.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if opts, err := readConfig(path); err == nil {
				t.Errorf("accepted: %+v", opts)
			}
		})
	}
}
