package main

import (
	"io"
	"net"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/physical/raft"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/vault"
)

// cluster is what a node of a cluster has and a single server has not.
type cluster struct {
	storage raftStorage
	address *net.TCPAddr // where the other nodes reach it
	files   io.Closer    // of the storage; nil until it is open
}

// url is the address as Vault's nodes tell it to each other.
func (c *cluster) url() string { return "https://" + c.address.String() }

// close gives the files back: the next life of this node opens them, perhaps in the same process.
func (c *cluster) close() {
	if c != nil && c.files != nil {
		_ = c.files.Close()
	}
}

// addTo makes core a node. Which cluster it joins is said over its API (sys/storage/raft/join), or by initialising it.
func (c *cluster) addTo(core *vault.CoreConfig, logger hclog.Logger) error {
	if err := os.MkdirAll(c.storage.Path, 0o700); err != nil {
		return err
	}
	settings := map[string]string{
		"path": c.storage.Path, "node_id": c.storage.NodeID,
		// A node that joins gets its vote in a second and not in ten.
		"autopilot_reconcile_interval": "500ms", "autopilot_update_interval": "200ms",
	}
	if c.storage.Multiplier != "" {
		settings["performance_multiplier"] = c.storage.Multiplier
	}
	storage, err := raft.NewRaftBackend(settings, logger.Named("raft"))
	if err != nil {
		return err
	}
	core.Physical, core.StorageType = storage, "raft"
	core.HAPhysical, _ = storage.(physical.HABackend)
	c.files, _ = storage.(io.Closer)
	core.ClusterAddr = c.url()
	return nil
}
