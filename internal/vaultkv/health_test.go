package vaultkv_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

func TestEveryNodeSaysHowItIsWithoutALogin(t *testing.T) {
	t.Parallel()
	vault := devenvtest.VaultWith(t, devenv.VaultOptions{})
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>" + strings.Repeat("x", 1<<20)))
	}))
	t.Cleanup(other.Close)
	cluster := config()
	cluster.Address, cluster.Nodes = vault.Addr, []string{"http://127.0.0.1:1", other.URL}
	cluster.Auth.Secret = secret.New("hvs.mistyped")
	v := open(t, cluster)
	ask := func() []vaultkv.Health {
		all, err := v.Healths(t.Context(), "main")
		if err != nil || len(all) != 3 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all
	}
	all := ask()
	well := all[0]
	if well.Err != nil || !well.Initialized || well.Sealed || well.Standby || well.Version == "" || well.Date.IsZero() || well.Trip <= 0 {
		t.Errorf("%+v", well)
	}
	wantAll(t, all[1].Err, "connection refused")
	wantAll(t, all[2].Err, "HTTP 200 is not an answer of Vault")
	for i, address := range []string{vault.Addr, "http://127.0.0.1:1", other.URL} {
		if all[i].Address != address {
			t.Errorf("%d is %s", i, all[i].Address)
		}
	}
	if err := vault.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sealed := ask()[0]; sealed.Err != nil || !sealed.Sealed {
		t.Errorf("%+v", sealed)
	}
}

// tokenOf makes a token with settings and returns what Vault says of it.
func tokenOf(t *testing.T, settings map[string]any) vaultkv.Token {
	t.Helper()
	made := ask(t, http.MethodPut, "auth/token/create", settings)
	store := config()
	store.Auth.Secret = secret.New(made["client_token"].(string))
	token, err := open(t, store).Token(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenIsLookedUpWithWhatEndsIt(t *testing.T) {
	t.Parallel()
	ask(t, http.MethodPut, "sys/policies/acl/looks-itself-up", map[string]any{"policy": `path "auth/token/lookup-self" { capabilities = ["read"] }`})
	for _, tt := range []struct {
		name     string
		settings map[string]any
		want     vaultkv.Token
	}{
		{"plain", map[string]any{"ttl": "5m"}, vaultkv.Token{Left: 5 * time.Minute, Renewable: true, Default: true}},
		{"not renewable", map[string]any{"ttl": "5m", "renewable": false, "no_default_policy": true}, vaultkv.Token{Left: 5 * time.Minute}},
		{"periodic", map[string]any{"period": "1h"}, vaultkv.Token{Left: time.Hour, Renewable: true, Period: time.Hour, Default: true}},
		{"limited", map[string]any{"ttl": "5m", "explicit_max_ttl": "20m"}, vaultkv.Token{Left: 5 * time.Minute, Renewable: true, Most: 20 * time.Minute, Default: true}},
		{"of a few uses", map[string]any{"ttl": "5m", "num_uses": 100}, vaultkv.Token{Left: 5 * time.Minute, Renewable: true, Uses: 100, Default: true}},
	} {
		tt.settings["policies"] = []string{"looks-itself-up"}
		got := tokenOf(t, tt.settings)
		if got.Left > tt.want.Left || tt.want.Left-got.Left > time.Minute || got.Most > tt.want.Most || tt.want.Most-got.Most > time.Minute {
			t.Errorf("%s: left %v, at most %v", tt.name, got.Left, got.Most)
		}
		if got.Uses > 0 {
			got.Uses = 100 // some are spent
		}
		got.Left, got.Most = tt.want.Left, tt.want.Most
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	store := config()
	forever, err := open(t, store).Token(t.Context(), "main")
	if err != nil || forever != (vaultkv.Token{}) {
		t.Errorf("root: %+v, %v", forever, err)
	}
}

// node answers as a Vault of a cluster does to whom it does not know; "" is a sealed one.
func node(t *testing.T, cluster string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"initialized":true,"sealed":false,"standby":true,"version":"1.19.0","cluster_id":"` + cluster + `"}`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestANodeOfAnotherClusterIsNamed(t *testing.T) {
	t.Parallel()
	own := open(t, config())
	is, err := own.Healths(t.Context(), "main")
	if err != nil || is[0].Cluster == "" {
		t.Fatalf("%+v, %v", is, err)
	}
	for name, tt := range map[string]struct {
		cluster string
		refused bool
	}{
		"of the same cluster": {is[0].Cluster, false},
		"sealed":              {"", false},
		"of another cluster":  {"00000000-0000-0000-0000-000000000000", true},
	} {
		c, other := config(), node(t, tt.cluster)
		c.Nodes = []string{"http://127.0.0.1:1", other}
		err := open(t, c).UnusableStore(t.Context(), "main", vaultkv.ReadWrite)
		if tt.refused {
			wantAll(t, err, other+" is a node of another cluster than "+c.Address, "a store of its own")
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each node answers once all of them were asked: one after the other, the first one would never answer.
func TestAllNodesAreAskedAtTheSameTime(t *testing.T) {
	t.Parallel()
	const nodes = 3
	var asked sync.WaitGroup
	asked.Add(nodes)
	var urls []string
	for i := range nodes {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Done()
			all := make(chan struct{})
			go func() { asked.Wait(); close(all) }()
			select {
			case <-all:
				_, _ = fmt.Fprintf(w, `{"initialized":true,"sealed":false,"standby":true,"version":"1.19.%d","cluster_id":"one"}`, i)
			case <-r.Context().Done():
			}
		}))
		t.Cleanup(server.Close)
		urls = append(urls, server.URL)
	}
	c := config()
	c.Address, c.Nodes, c.Timeout = urls[0], urls[1:], 10*time.Second
	all, err := open(t, c).Healths(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range all {
		if h.Err != nil || h.Address != urls[i] || h.Version != fmt.Sprintf("1.19.%d", i) {
			t.Errorf("node %d: %+v", i, h)
		}
	}
}
