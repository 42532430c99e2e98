package vaultkv_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// A server between us and Vault may answer anything, our own request among it.
func TestNoErrorRepeatsASecret(t *testing.T) {
	t.Parallel()
	const token, password = "canary-token", "canary-password"
	echo := func(format string, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/auth/token/lookup-self" {
				fmt.Fprint(w, `{"data":{"ttl":0,"renewable":false}}`)
				return
			}
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(status)
			fmt.Fprintf(w, format, strings.ReplaceAll(string(body)+r.Header.Get("X-Vault-Token"), `"`, `'`)+token+password)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"HTML":            echo("<html>%s</html>", http.StatusBadGateway),
		"errors":          echo(`{"errors":["%s"]}`, http.StatusBadRequest),
		"forbidden":       echo(`{"errors":["%s"]}`, http.StatusForbidden),
		"not found":       echo(`{"errors":["%s"]}`, http.StatusNotFound),
		"not JSON":        echo("%s", http.StatusOK),
		"another form":    echo(`{"data":"%s"}`, http.StatusOK),
		"version as text": echo(`{"data":{"data":{},"metadata":{"version":"%s"},"version":"%[1]s"}}`, http.StatusOK),
		"cut short":       echo(`{"data":{"data":{"password":"%s`, http.StatusOK),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/"+token, http.StatusFound) // followed once, then refused
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			defer server.Close()
			away := config()
			away.Address, away.Auth.Secret = server.URL, secret.New(token)
			v, cred := open(t, away), newCredential()
			rec := rotation.Record{Candidates: []rotation.Candidate{{Number: 1, Value: secret.New(password), State: rotation.Staged}}}

			_, loadErr := v.Load(t.Context(), cred)
			_, saveErr := v.Save(t.Context(), cred, rec, 0)
			_, readErr := v.Read(t.Context(), cred.Place)
			writeErr := v.Write(t.Context(), cred.Place, rotation.Entry{Password: secret.New(password)})
			for _, err := range []error{loadErr, saveErr, readErr, writeErr} {
				if err == nil {
					t.Fatal("no error")
				}
				if strings.Contains(fmt.Sprintf("%v %+v", err, err), "canary") {
					t.Error("an error repeats a secret")
				}
				if errors.Is(err, rotation.ErrStale) {
					t.Errorf("%v: passes for a check-and-set that did not match", err)
				}
			}
		})
	}
}

// noServer is an address at which no server ever listens: unlike a closed server's port, no other test gets it.
const noServer = "http://127.0.0.1:1"

func TestAnUnreachableVaultIsNamedWithoutItsURL(t *testing.T) {
	t.Parallel()
	away := config()
	away.Address = noServer
	_, err := open(t, away).Load(t.Context(), newCredential())
	var failed *vaultkv.Error
	if !errors.As(err, &failed) || failed.Status != 0 || failed.Store != "main" {
		t.Fatalf("error %v, want an *Error of store main without a status", err)
	}
	if strings.Contains(err.Error(), "http://") {
		t.Errorf("error %v repeats the URL", err)
	}
}
