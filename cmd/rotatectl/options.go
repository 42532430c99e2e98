package main

import (
	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/providers"
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

// selecting is load for a command about what a query selects, which must make sense before anything is connected to or read.
func (o *options) selecting(q operate.Query) (*config.Config, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	_, err = operate.For(cfg).Select(q)
	return cfg, flagged(err)
}

// knowing is load for a command about one credential, which the configuration must have.
func (o *options) knowing(id string) (*config.Config, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	_, err = operate.For(cfg).Credential(id)
	return cfg, err
}
