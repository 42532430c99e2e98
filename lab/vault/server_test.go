package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// server runs `vault server -dev` inside the test, as start does.
func server(t *testing.T, args ...string) (addr string, stop func() int) {
	t.Helper()
	return start(t, append([]string{"-dev", "-dev-listen-address", "127.0.0.1:0"}, args...)...)
}

// start runs `vault server` inside the test and returns its address and a function that stops it and returns its exit
// code.
func start(t *testing.T, args ...string) (addr string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		args := append([]string{"server", "-ready-json"}, args...)
		code <- run(ctx, args, environment(nil), in, os.Stderr)
		_ = in.Close()
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no ready line: %v", err)
	}
	var ready struct{ Addr string }
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	return ready.Addr, func() int {
		cancel()
		return <-code
	}
}

func status(t *testing.T, addr string) int {
	t.Helper()
	return run(t.Context(), []string{"status"}, environment(map[string]string{"VAULT_ADDR": addr}), io.Discard, io.Discard)
}

func TestStatusHasTheOfficialExitCodes(t *testing.T) {
	t.Parallel()
	tokenFile := filepath.Join(t.TempDir(), "token")
	addr, stop := server(t, "-root-token-file", tokenFile)
	if got := status(t, addr); got != 0 {
		t.Errorf("unsealed: %d, want 0", got)
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, addr+"/v1/sys/seal", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", string(token))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if got := status(t, addr); got != 2 {
		t.Errorf("sealed: %d, want 2", got)
	}
	if got := stop(); got != 0 {
		t.Errorf("the server ended with %d, want 0", got)
	}
	if got := status(t, addr); got != 1 {
		t.Errorf("gone: %d, want 1", got)
	}
}

func TestAnotherRootTokenOpensKeptData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, token := range []string{"first-token", "second-token"} {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		addr, stop := server(t, "-storage", "file:"+dir, "-root-token-file", file)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, addr+"/v1/auth/token/lookup-self", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Vault-Token", token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: HTTP %d", token, resp.StatusCode)
		}
		if got := stop(); got != 0 {
			t.Errorf("the server ended with %d", got)
		}
	}
}
