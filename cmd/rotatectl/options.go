package main

import (
	"fmt"
	"sort"
	"strings"

	"keyturn/internal/config"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
)

// options are the flags that all commands share.
type options struct{ config string }

func (o *options) load() (*config.Config, error) {
	cfg, err := config.Load(o.config, providers.All())
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}

// credentials returns the named credentials, or an error that names every unknown one.
func credentials(cfg *config.Config, ids []string) ([]*rotation.Credential, error) {
	var found []*rotation.Credential
	var unknown []string
	for _, id := range ids {
		if cred, ok := cfg.Credential(id); ok {
			found = append(found, cred)
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return nil, usageError{fmt.Errorf("not in the configuration: %s", strings.Join(unknown, ", "))}
	}
	return found, nil
}
