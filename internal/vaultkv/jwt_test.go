package vaultkv_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// serviceToken is a pod's token as Kubernetes makes it. Vault asks the cluster whether it is good, so that the
// signature may be anything here.
func serviceToken(t *testing.T, serial int) string {
	t.Helper()
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:keyturn:keyturn-worker",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": fmt.Sprint(serial),
		"kubernetes.io": map[string]any{"namespace": "keyturn", "serviceaccount": map[string]any{"name": "keyturn-worker", "uid": "u1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims) + "." + encode([]byte("signature"))
}

// cluster is the one call of a Kubernetes API server that Vault makes: is this token good? Each is good once, and the
// next one stands in the pod's file by then: Kubernetes replaces a token long before Vault's own ends.
type cluster struct {
	t    *testing.T
	file string
	mu   sync.Mutex
	good string
	made int
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, file: filepath.Join(t.TempDir(), "token")}
	c.replace()
	return c
}

func (c *cluster) replace() {
	c.made++
	c.good = serviceToken(c.t, c.made)
	if err := os.WriteFile(c.file, []byte(c.good+"\n"), 0o600); err != nil {
		c.t.Error(err)
	}
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review struct{ Spec struct{ Token string } }
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	good := review.Spec.Token == c.good
	if good {
		c.replace()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
		"status": map[string]any{
			"authenticated": good,
			"user":          map[string]any{"username": "system:serviceaccount:keyturn:keyturn-worker", "uid": "u1"},
		},
	})
}

// kubernetesRole makes a Kubernetes auth method on the shared Vault that asks the cluster at address.
func kubernetesRole(t *testing.T, address string) vaultkv.Auth {
	t.Helper()
	name := "kubernetes-" + uuid.NewString()
	ask(t, http.MethodPut, "sys/auth/"+name, map[string]any{"type": "kubernetes"})
	t.Cleanup(func() { ask(t, http.MethodDelete, "sys/auth/"+name, nil) })
	ask(t, http.MethodPut, "sys/policies/acl/"+name, map[string]any{"policy": fullPolicy})
	t.Cleanup(func() { ask(t, http.MethodDelete, "sys/policies/acl/"+name, nil) })
	ask(t, http.MethodPut, "auth/"+name+"/config", map[string]any{"kubernetes_host": address, "disable_local_ca_jwt": true})
	ask(t, http.MethodPut, "auth/"+name+"/role/keyturn-worker", map[string]any{
		"bound_service_account_names": "keyturn-worker", "bound_service_account_namespaces": "keyturn",
		"token_policies": name, "token_no_default_policy": true, "token_ttl": "2s", "token_max_ttl": "3s",
	})
	return vaultkv.Auth{Method: vaultkv.MethodKubernetes, Mount: name, Role: "keyturn-worker"}
}

func TestKubernetesLoginReadsThePodsTokenEachTime(t *testing.T) {
	t.Parallel()
	kubernetes := newCluster(t)
	server := httptest.NewServer(kubernetes)
	defer server.Close()
	pod := config()
	pod.Auth = kubernetesRole(t, server.URL)
	pod.Auth.File = kubernetes.file
	var g gate
	v, cred := g.open(t, pod), newCredential()
	deadline := time.After(time.Minute)
	version := 0
	for g.logins.Load() < 3 {
		select {
		case <-deadline:
			t.Fatalf("%d logins in a minute, want 3", g.logins.Load())
		case <-time.After(5 * time.Millisecond):
		}
		version = save(t, v, cred, openRecord, version)
	}
}

func TestARefusedPodIsAnErrorOfTheLogin(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newCluster(t))
	defer server.Close()
	pod := config()
	pod.Auth = kubernetesRole(t, server.URL)
	forged := serviceToken(t, 99)
	pod.Auth.Secret = secret.New(forged)
	err := open(t, pod).Check(t.Context(), vaultkv.ReadWrite)
	if !errors.Is(err, vaultkv.ErrLogin) || strings.Contains(err.Error(), forged) {
		t.Errorf("check: %v, want ErrLogin without the token", err)
	}
}

func TestJWTLoginNamesTheRole(t *testing.T) {
	t.Parallel()
	var got struct{ Role, JWT string }
	var at string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/login") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"errors":[]}`))
			return
		}
		at = r.URL.Path
		_ = json.NewDecoder(r.Body).Decode(&got)
		_, _ = w.Write([]byte(`{"auth":{"client_token":"t"}}`))
	}))
	defer server.Close()
	ci := config()
	ci.Address = server.URL
	file := filepath.Join(t.TempDir(), "role")
	replace(t, file, "keyturn\n")
	for _, auth := range []vaultkv.Auth{{Role: "keyturn"}, {RoleFile: file}} {
		at, got.Role = "", ""
		auth.Method, auth.Mount, auth.Secret = vaultkv.MethodJWT, "ci/jwt", secret.New("header.claims.signature")
		ci.Auth = auth
		load(t, open(t, ci), newCredential())
		if at != "/v1/auth/ci/jwt/login" || got.Role != "keyturn" || got.JWT != "header.claims.signature" {
			t.Errorf("login at %q as %q, or with another JWT", at, got.Role)
		}
	}
}
