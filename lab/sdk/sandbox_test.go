package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What the sandbox knows by default (docs/sandbox.md).
const (
	keyID     = "testid"
	keySecret = "testsecret"
)

// data turns the limits off: they are tested by asking for a refusal.
const data = `providers:
  alibaba-directmail: {rate: 0}
  alibaba-domain: {rate: 0}
  kirimemail: {rate: 0}
  tencent-ses: {rate: 0}
`

// box is the sandbox of all tests here: a process, as a user would start it.
var box struct {
	Providers map[string]string `json:"providers"`
	Admin     string            `json:"admin"`
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run builds the sandbox of the main module, starts it, and reads the one line that it prints when it is ready.
func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "keyturn-sdk-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	program, file := filepath.Join(dir, "sandbox"), filepath.Join(dir, "data.yaml")
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		return 1, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-C", "../..", "-o", program, "./cmd/sandbox")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build the sandbox: %w", err)
	}
	server := exec.CommandContext(ctx, program, "-listen", "127.0.0.1:0", "-data", file)
	server.Stderr = os.Stderr
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	server.WaitDelay = 10 * time.Second
	out, err := server.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := server.Start(); err != nil {
		return 1, err
	}
	if err := json.NewDecoder(out).Decode(&box); err != nil {
		return 1, fmt.Errorf("the sandbox is not ready: %w", err)
	}
	code = m.Run()
	cancel()
	_ = server.Wait() // it was told to stop
	return code, nil
}

// host is a provider's host:port: the SDKs take no more.
func host(t *testing.T, code string) string {
	t.Helper()
	address, ok := strings.CutPrefix(box.Providers[code], "http://")
	if !ok {
		t.Fatalf("the sandbox serves %s at %q", code, box.Providers[code])
	}
	return address
}

// admin asks the sandbox's admin API, and reads the answer into out unless it is nil.
func admin(t *testing.T, method, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := call(t, method, box.Admin+path, body)
	if status >= http.StatusBadRequest {
		t.Fatalf("%s %s: HTTP %d %s", method, path, status, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatal(err)
		}
	}
}

func call(t *testing.T, method, url string, body []byte, edit ...func(*http.Request)) (status int, answer []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range edit {
		f(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// targets counts the targets that were added, so that each is used by one run of one test.
var targets atomic.Int64

// target adds a target of the test's own; form has the verb for its number.
func target(t *testing.T, code, form string) string {
	t.Helper()
	name := fmt.Sprintf(form, targets.Add(1))
	admin(t, http.MethodPost, "/targets", map[string]any{"provider": code, "targets": []any{map[string]string{"target": name}}}, nil)
	return name
}

// wantLive checks which password stands, and how many were accepted.
func wantLive(t *testing.T, code, name, password string, version int) {
	t.Helper()
	var state struct {
		Providers map[string]map[string]struct {
			Live    string `json:"live"`
			Version int    `json:"version"`
		} `json:"providers"`
	}
	admin(t, http.MethodGet, "/state", nil, &state)
	if got := state.Providers[code][name]; got.Live != password || got.Version != version {
		t.Errorf("%s %s: version %d, want %d, with the password that was set: %v", code, name, got.Version, version, got.Live == password)
	}
}

// strike asks for a fault at a target.
func strike(t *testing.T, code, name, kind string, more map[string]any) {
	t.Helper()
	fault := map[string]any{"provider": code, "target": name, "kind": kind}
	for key, value := range more {
		fault[key] = value
	}
	admin(t, http.MethodPost, "/faults", fault, nil)
}
