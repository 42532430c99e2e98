package vaultkv_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"keyturn/internal/devenv"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// shared is the Vault of all tests here but those that seal or break theirs. It has no state: every test uses ids and
// paths of its own.
var shared *devenv.Vault

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if shared = devenv.ExternalVault(); shared == nil {
		if shared, err = devenv.StartVault(context.Background(), devenv.VaultOptions{}); err != nil {
			return 1, err
		}
		defer func() { err = shared.Stop() }()
	}
	before := goleak.IgnoreCurrent()
	code = m.Run()
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		err = goleak.Find(before)
	}
	return code, err
}

// config is a store on the shared Vault, with the root token.
func config() vaultkv.StoreConfig {
	return vaultkv.StoreConfig{
		Address: shared.Addr,
		Auth:    vaultkv.Auth{Method: vaultkv.MethodToken, Secret: secret.New(shared.Token)},
	}
}

// open opens one store named "main".
func open(t *testing.T, config vaultkv.StoreConfig) *vaultkv.Vault {
	t.Helper()
	return openAll(t, map[string]vaultkv.StoreConfig{"main": config})
}

func openAll(t *testing.T, configs map[string]vaultkv.StoreConfig) *vaultkv.Vault {
	t.Helper()
	v, err := vaultkv.Open(t.Context(), configs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// newCredential returns a credential that nothing is known of.
func newCredential() *rotation.Credential {
	id := uuid.NewString()
	return &rotation.Credential{ID: id, Place: rotation.Place{Store: "main", Path: "mail/" + id}}
}

// ask sends Vault a request as root, in plain HTTP, and returns the data of the answer.
func ask(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	status, data := askAs(t, shared.Token, method, path, body)
	if status >= http.StatusBadRequest {
		t.Fatalf("%s %s: HTTP %d", method, path, status)
	}
	return data
}

func askAs(t *testing.T, token, method, path string, body any) (status int, data map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	// Clean-up asks too, when the test's context has ended.
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, shared.Addr+"/v1/"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := struct{ Data, Auth map[string]any }{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil && resp.StatusCode != http.StatusNoContent {
		t.Fatal(err)
	}
	if answer.Auth != nil {
		return resp.StatusCode, answer.Auth
	}
	return resp.StatusCode, answer.Data
}

// wrapToken reads the wrapping token out of an answer.
func wrapToken(t *testing.T, answer io.Reader) string {
	t.Helper()
	var made struct {
		Wrap struct {
			Token string `json:"token"`
		} `json:"wrap_info"`
	}
	if err := json.NewDecoder(answer).Decode(&made); err != nil || made.Wrap.Token == "" {
		t.Fatalf("no wrapping token: %v", err)
	}
	return made.Wrap.Token
}

// journalPath is where the journal of cred lives, as Vault's own listing tells.
func journalPath(t *testing.T, kind string, cred *rotation.Credential) string {
	t.Helper()
	return journalPathIn(t, "keyturn-journal", kind, cred)
}

func journalPathIn(t *testing.T, mount, kind string, cred *rotation.Credential) string {
	t.Helper()
	shards := ask(t, "LIST", mount+"/metadata", nil)
	for _, shard := range shards["keys"].([]any) {
		ids := ask(t, "LIST", mount+"/metadata/"+shard.(string), nil)
		for _, id := range ids["keys"].([]any) {
			if id == cred.ID {
				return mount + "/" + kind + "/" + shard.(string) + cred.ID
			}
		}
	}
	t.Fatalf("no journal of %s", cred.ID)
	return ""
}

// front is a proxy before the shared Vault that may spoil what passes.
type front struct {
	to string // "" means the shared Vault
	// spoil answers in Vault's place and returns true, or returns false.
	spoil func(w http.ResponseWriter, r *http.Request) bool
}

func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.spoil(w, r) {
		return
	}
	resp := forwardTo(cmp.Or(f.to, shared.Addr), r)
	defer resp.Body.Close()
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// forward sends a request on and returns Vault's own answer.
func forward(r *http.Request) *http.Response { return forwardTo(shared.Addr, r) }

func forwardTo(address string, r *http.Request) *http.Response {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, address+r.URL.RequestURI(), r.Body)
	if err != nil {
		panic(err)
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return resp
}

// isWrite tells a KV write from everything else.
func isWrite(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/data/")
}
