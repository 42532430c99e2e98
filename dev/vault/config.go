package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// readConfig reads the part of an official configuration that a single server on a disk needs. What it does not know
// is an error: a setting that had no effect here would mislead.
func readConfig(path string) (options, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return options{}, err
	}
	var config struct {
		Storage struct {
			File struct {
				Path string `json:"path"`
			} `json:"file"`
		} `json:"storage"`
		Listener []struct {
			TCP struct {
				Address    string `json:"address"`
				TLSDisable bool   `json:"tls_disable"`
			} `json:"tcp"`
		} `json:"listener"`
		DisableMlock bool `json:"disable_mlock"` // always so here
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return options{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(config.Listener) != 1 || !config.Listener[0].TCP.TLSDisable {
		return options{}, errors.New(path + ": want one tcp listener, with tls_disable")
	}
	opts := options{listen: config.Listener[0].TCP.Address, dir: config.Storage.File.Path, sealed: true}
	if opts.listen == "" || opts.dir == "" {
		return options{}, errors.New(path + ": want an address of the listener, and a path of the file storage")
	}
	return opts, nil
}
