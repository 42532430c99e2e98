package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// configured writes a configuration that listens on a free port. more is added to its fields.
func configured(t *testing.T, storage, more string) (path string) {
	t.Helper()
	text := fmt.Sprintf(`{
		"storage": {%s},
		"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}],
		"disable_mlock": true%s
	}`, storage, more)
	path = filepath.Join(t.TempDir(), "vault.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func fileStorage(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`"file": {"path": %q}`, filepath.Join(t.TempDir(), "data"))
}

// freePort is one that a node can tell to others before it listens there.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
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
	for name, config := range map[string]string{
		"file": configured(t, fileStorage(t), ""),
		"a node of a cluster": configured(t, fmt.Sprintf(`"raft": {"path": %q, "node_id": "one"}`, filepath.Join(t.TempDir(), "raft")),
			fmt.Sprintf(`, "cluster_addr": "https://127.0.0.1:%d"`, freePort(t))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			initialiseAndRestart(t, config)
		})
	}
}

func initialiseAndRestart(t *testing.T, config string) {
	t.Helper()
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
		"unknown":     `{"storage": {"consul": {"path": "x"}}}`,
		"TLS":         `{"storage": {"file": {"path": "x"}}, "listener": [{"tcp": {"address": "127.0.0.1:0"}}]}`,
		"no storage":  `{"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}]}`,
		"no listener": `{"storage": {"file": {"path": "x"}}}`,
		"two storages": `{"storage": {"file": {"path": "x"}, "raft": {"path": "x", "node_id": "n"}}, "cluster_addr": "https://127.0.0.1:1",
			"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}]}`,
		"no node_id": `{"storage": {"raft": {"path": "x"}}, "cluster_addr": "https://127.0.0.1:1",
			"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}]}`,
		"no cluster_addr": `{"storage": {"raft": {"path": "x", "node_id": "n"}},
			"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}]}`,
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
