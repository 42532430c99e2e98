package clustertest_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// counting is a provider that counts its calls.
type counting struct {
	rotation.Setter
	calls atomic.Int32
}

func (c *counting) Set(ctx context.Context, target string, password secret.Value) error {
	c.calls.Add(1)
	return c.Setter.Set(ctx, target, password)
}

// A reload may bring a credential in a folder that the policy forgets.
func TestNothingIsSentForAPasswordThatCouldNotBeWritten(t *testing.T) {
	t.Parallel()
	server := devenvtest.VaultWith(t, devenv.VaultOptions{Auth: []string{"approle"}})
	store := workerRole(t, server)
	store.Address = server.Addr
	v, err := vaultkv.Open(t.Context(), map[string]vaultkv.StoreConfig{"main": store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	f := newFleet(1)
	cred := f.credentials[0]
	cred.Place.Path = "web/" + cred.ID
	m, subject := f.machine("worker", v, v), f.subject(cred)
	provider := &counting{Setter: f}
	subject.Client.Setter = provider
	// The policy lets current be looked at, so that only the writing is what fails.
	text, err := os.ReadFile("../../../deploy/vault/keyturn-worker.hcl")
	if err != nil {
		t.Fatal(err)
	}
	policy := func(extra string) {
		body := map[string]string{"policy": string(text) + extra}
		if err := server.Ask(t.Context(), http.MethodPut, "sys/policies/acl/keyturn-test", body, nil); err != nil {
			t.Fatal(err)
		}
	}
	policy(`path "secret/data/web/*" { capabilities = ["read"] }`)
	job := rotation.Job{Slot: time.Now().UTC(), Reason: rotation.ReasonScheduled}
	result := m.Rotate(t.Context(), subject, job)
	want := "the token lacks the capability create, update on secret/data/" + cred.Place.Path
	if result.Status != rotation.Waiting || result.Err == nil || !strings.Contains(result.Err.Error(), want) {
		t.Errorf("got %v, %v; want to wait because %s", result.Status, result.Err, want)
	}
	if n := provider.calls.Load(); n != 0 {
		t.Errorf("%d calls of the provider, want none", n)
	}
	policy(`path "secret/data/web/*" { capabilities = ["create", "read", "update"] }`)
	if result := m.Rotate(t.Context(), subject, job); result.Status != rotation.Done {
		t.Errorf("with the right: %v, %v", result.Status, result.Err)
	}
}
