package devenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// VaultCluster is a running raft cluster of the Vault that lab/vault builds, unsealed, with the mounts secret and
// keyturn-journal and the auth method approle. Its data survives Kill of every node.
type VaultCluster struct {
	Nodes []*Vault // all with the same root token
	key   string   // unseals every node
}

// raftPatience bounds the wait for what a cluster does by itself.
const raftPatience = 60 * time.Second

// StartVaultCluster starts n nodes with their data below dir and waits until each of them has a vote.
func StartVaultCluster(ctx context.Context, dir string, n int) (c *VaultCluster, err error) {
	path, err := VaultBinary(ctx)
	if err != nil {
		return nil, err
	}
	c = &VaultCluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	for i := range n {
		node, err := startNode(ctx, path, filepath.Join(dir, fmt.Sprintf("node-%d", i)))
		if err != nil {
			return c, err
		}
		c.Nodes = append(c.Nodes, node)
	}
	if err := c.form(ctx); err != nil {
		return c, err
	}
	return c, c.prepare(ctx)
}

// startNode starts one sealed node that belongs to no cluster yet.
func startNode(ctx context.Context, path, dir string) (*Vault, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	peers, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "vault.json")
	process, port, err := startOnPort(ctx, 0, func(port int) Command {
		text, _ := json.Marshal(map[string]any{ // maps of strings always marshal
			"storage": map[string]any{"raft": map[string]string{
				"path": filepath.Join(dir, "raft"), "node_id": filepath.Base(dir), "performance_multiplier": "1",
			}},
			"listener":     []any{map[string]any{"tcp": map[string]any{"address": loopback(port), "tls_disable": true}}},
			"cluster_addr": "https://" + loopback(peers),
		})
		_ = os.WriteFile(config, text, 0o600) // the server says what is wrong with it
		return Command{
			Name: "vault", Path: path, Dir: os.TempDir(), Ready: &struct{}{}, Log: filepath.Join(dir, "vault.log"),
			Args: []string{"server", "-config", config, "-ready-json", "-log-level", "error"},
		}
	})
	if err != nil {
		return nil, err
	}
	return &Vault{Process: process, Addr: "http://" + loopback(port), dir: dir}, nil
}

// form initialises the first node, and lets the others join it.
func (c *VaultCluster) form(ctx context.Context) error {
	var made struct {
		Keys      []string `json:"keys_base64"`
		RootToken string   `json:"root_token"`
	}
	if err := c.Nodes[0].Ask(ctx, http.MethodPut, "sys/init", map[string]int{"secret_shares": 1, "secret_threshold": 1}, &made); err != nil {
		return err
	}
	if len(made.Keys) != 1 {
		return errors.New("vault: not one unseal key")
	}
	c.key = made.Keys[0]
	for i, node := range c.Nodes {
		node.Token = made.RootToken
		if i > 0 {
			join := func() error {
				return node.put(ctx, "sys/storage/raft/join", map[string]string{"leader_api_addr": c.Nodes[0].Addr})
			}
			if err := Until(ctx, raftPatience, join); err != nil {
				return err
			}
		}
		if err := c.Unseal(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the mounts and waits until every node has a vote: a cluster of one voter does not survive its end.
func (c *VaultCluster) prepare(ctx context.Context) error {
	first := c.Nodes[0]
	steps := []func() error{
		func() error {
			return first.put(ctx, "sys/storage/raft/autopilot/configuration", map[string]string{"server_stabilization_time": "1s"})
		},
		func() error { return first.Mount(ctx, "secret", 2) },
		func() error { return first.Mount(ctx, "keyturn-journal", 2) },
		func() error { return first.put(ctx, "sys/auth/approle", map[string]string{"type": "approle"}) },
		func() error { return first.Ask(ctx, http.MethodGet, "secret/config", nil, nil) },
		func() error { return first.Ask(ctx, http.MethodGet, "keyturn-journal/config", nil, nil) },
		func() error { return c.voting(ctx) },
	}
	for _, step := range steps {
		if err := Until(ctx, raftPatience, step); err != nil {
			return err
		}
	}
	return nil
}

func (c *VaultCluster) voting(ctx context.Context) error {
	var answer struct {
		Data struct {
			Config struct {
				Servers []struct {
					Voter bool `json:"voter"`
				} `json:"servers"`
			} `json:"config"`
		} `json:"data"`
	}
	if err := c.Nodes[0].Ask(ctx, http.MethodGet, "sys/storage/raft/configuration", nil, &answer); err != nil {
		return err
	}
	votes := 0
	for _, server := range answer.Data.Config.Servers {
		if server.Voter {
			votes++
		}
	}
	if votes != len(c.Nodes) {
		return fmt.Errorf("vault: %d of %d nodes have a vote", votes, len(c.Nodes))
	}
	return nil
}

// Unseal opens one node, after its start.
func (c *VaultCluster) Unseal(ctx context.Context, node *Vault) error {
	return node.put(ctx, "sys/unseal", map[string]string{"key": c.key})
}

// Active returns the node that all others pass their requests to, nil during an election.
func (c *VaultCluster) Active(ctx context.Context) *Vault {
	for _, node := range c.Nodes {
		var health struct {
			Sealed  bool `json:"sealed"`
			Standby bool `json:"standby"`
		}
		err := node.Ask(ctx, http.MethodGet, "sys/health?standbycode=200&sealedcode=200", nil, &health)
		if err == nil && !health.Sealed && !health.Standby {
			return node
		}
	}
	return nil
}

// AwaitActive returns the active node, after an election if there is one.
func (c *VaultCluster) AwaitActive(ctx context.Context) (active *Vault, err error) {
	err = Until(ctx, raftPatience, func() error {
		if active = c.Active(ctx); active == nil {
			return errNoActive
		}
		return nil
	})
	return active, err
}

var errNoActive = errors.New("vault: no node is active")

// StepDown makes the active node give up its office. It stays in the cluster.
func (c *VaultCluster) StepDown(ctx context.Context) error {
	active := c.Active(ctx)
	if active == nil {
		return errNoActive
	}
	return active.put(ctx, "sys/step-down", nil)
}

// Stop ends all nodes.
func (c *VaultCluster) Stop() error {
	var problems []error
	for _, node := range c.Nodes {
		problems = append(problems, node.Kill())
	}
	return errors.Join(problems...)
}
