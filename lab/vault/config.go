package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// configFile is the part of an official configuration that is understood here.
type configFile struct {
	Storage struct {
		File struct {
			Path string `json:"path"`
		} `json:"file"`
		Raft raftStorage `json:"raft"`
	} `json:"storage"`
	Listener []struct {
		TCP struct {
			Address    string `json:"address"`
			TLSDisable bool   `json:"tls_disable"`
		} `json:"tcp"`
	} `json:"listener"`
	ClusterAddr  string `json:"cluster_addr"`
	DisableMlock bool   `json:"disable_mlock"` // always so here
}

// raftStorage is one node of a cluster.
type raftStorage struct {
	Path       string `json:"path"`
	NodeID     string `json:"node_id"`
	Multiplier string `json:"performance_multiplier"` // of raft's timeouts; Vault's default is 5
}

// readConfig reads the part of an official configuration that a server on a disk needs, single or in a cluster. What
// it does not know is an error: a setting that had no effect here would mislead.
func readConfig(path string) (options, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return options{}, err
	}
	var config configFile
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return options{}, fmt.Errorf("%s: %w", path, err)
	}
	opts, err := config.options()
	if err != nil {
		return options{}, fmt.Errorf("%s: %w", path, err)
	}
	return opts, nil
}

func (c *configFile) options() (options, error) {
	if len(c.Listener) != 1 || !c.Listener[0].TCP.TLSDisable {
		return options{}, errors.New("want one tcp listener, with tls_disable")
	}
	opts := options{listen: c.Listener[0].TCP.Address, sealed: true}
	if opts.listen == "" {
		return options{}, errors.New("want an address of the listener")
	}
	file, raft := c.Storage.File.Path, c.Storage.Raft
	switch {
	case (file == "") == (raft.Path == ""):
		return options{}, errors.New("want a path of the file storage, or one of the raft storage")
	case file != "":
		opts.dir = file
		return opts, nil
	case raft.NodeID == "":
		return options{}, errors.New("want a node_id of the raft storage")
	}
	host, isURL := strings.CutPrefix(c.ClusterAddr, "https://")
	address, err := net.ResolveTCPAddr("tcp", host)
	if err != nil || !isURL || address.Port == 0 {
		return options{}, errors.New("want cluster_addr as https://HOST:PORT")
	}
	opts.cluster = &cluster{storage: raft, address: address}
	return opts, nil
}
