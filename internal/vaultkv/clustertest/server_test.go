package clustertest_test

import (
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// OpenBao speaks Vault's API. Where KEYTURN_TEST_OPENBAO_ADDR names one, this is a test of it; else one of Vault alone.
func TestAFleetRotatesOnASingleServer(t *testing.T) {
	t.Parallel()
	server := devenv.ExternalOpenBao()
	if server == nil {
		server = devenvtest.VaultWith(t, devenv.VaultOptions{})
	}
	for path, body := range map[string]any{
		"sys/mounts/secret": kv2, "sys/mounts/keyturn-journal": kv2, "sys/auth/approle": map[string]string{"type": "approle"},
	} {
		_ = server.Ask(t.Context(), http.MethodPut, path, body, nil) // it may be there already; Check tells
	}
	f := newFleet(credentials)
	store := workerRole(t, server)
	store.Address = server.Addr
	machines := make([]*rotation.Machine, workers)
	for w := range machines {
		v, err := vaultkv.Open(t.Context(), map[string]vaultkv.StoreConfig{"main": store})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		if err := v.Check(t.Context(), vaultkv.ReadWrite, f.credentials[0].Place); err != nil {
			t.Fatal(err)
		}
		machines[w] = f.machine("worker", v, v)
	}
	var all sync.WaitGroup
	for i, cred := range f.credentials {
		all.Go(func() {
			for n := range 3 {
				job := rotation.Job{Slot: time.Now().UTC(), Reason: rotation.ReasonScheduled}
				result := rotation.Result{Status: rotation.Waiting} // the first time, and where less than min_interval has passed
				for result.Status == rotation.Waiting && (rotation.WallClock{}).Sleep(t.Context(), result.After) == nil {
					result = machines[(i+n)%workers].Rotate(t.Context(), f.subject(cred), job)
				}
				if result.Status != rotation.Done {
					t.Errorf("%s: %v, %v", cred.ID, result.Status, result.Err)
				}
			}
		})
	}
	all.Wait()
	if lost, quarantined := judge(t, f, server); lost+quarantined > 0 || f.count != 3*credentials {
		t.Errorf("%d rotations, %d lost, %d in quarantine", f.count, lost, quarantined)
	}
}

var kv2 = map[string]any{"type": "kv", "options": map[string]string{"version": "2"}}

// judge counts the credentials whose live password consumers do not read, and those that were put aside.
func judge(t *testing.T, f *fleet, server *devenv.Vault) (lost, quarantined int) {
	t.Helper()
	v, err := vaultkv.Open(t.Context(), map[string]vaultkv.StoreConfig{"main": {
		Address: server.Addr, Auth: vaultkv.Auth{Method: vaultkv.MethodToken, Secret: secret.New(server.Token)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, cred := range f.credentials {
		rec, err := v.Load(t.Context(), cred)
		if err != nil {
			t.Error(err)
		}
		if rec.State == rotation.Quarantined {
			quarantined++
			t.Logf("%s is in quarantine: %s", cred.ID, rec.Why)
		}
		current, err := v.Read(t.Context(), cred.Place)
		if err != nil {
			t.Error(err)
		}
		if !current.Password.Equal(f.password(cred.Target)) {
			lost++
			t.Logf("%s: consumers do not read the live password; the journal is %v", cred.ID, rec.State)
		}
	}
	return lost, quarantined
}

// workerRole is an AppRole with the policy that ships.
func workerRole(t *testing.T, vault *devenv.Vault) vaultkv.StoreConfig {
	t.Helper()
	policy, err := os.ReadFile("../../../deploy/vault/keyturn-worker.hcl")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string, body any, answer any) {
		if err := vault.Ask(t.Context(), http.MethodPut, path, body, answer); err != nil {
			t.Fatal(err)
		}
	}
	ask("sys/policies/acl/keyturn-test", map[string]string{"policy": string(policy)}, nil)
	ask("auth/approle/role/keyturn-test", map[string]any{"token_policies": "keyturn-test", "token_no_default_policy": true}, nil)
	ask("auth/approle/role/keyturn-test/role-id", map[string]string{"role_id": "keyturn-test"}, nil)
	var made struct {
		Data struct {
			SecretID string `json:"secret_id"`
		} `json:"data"`
	}
	ask("auth/approle/role/keyturn-test/secret-id", nil, &made)
	return vaultkv.StoreConfig{Auth: vaultkv.Auth{Method: vaultkv.MethodAppRole, Role: "keyturn-test", Secret: secret.New(made.Data.SecretID)}}
}
