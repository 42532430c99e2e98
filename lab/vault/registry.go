package main

import (
	"maps"
	"slices"

	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// registry is the catalogue of built-in plugins that the core consults on each mount; without one, mounting panics.
type registry map[consts.PluginType]map[string]logical.Factory

// plugins are all that keyturn's tests and demo need of Vault.
func plugins() registry {
	return registry{
		consts.PluginTypeSecrets:    {"kv": kv.Factory},
		consts.PluginTypeCredential: {"approle": approle.Factory, "kubernetes": kubernetes.Factory},
	}
}

// Contains implements plugincatalog.BuiltinRegistry.
func (r registry) Contains(name string, kind consts.PluginType) bool {
	return r[kind][name] != nil
}

// Get implements plugincatalog.BuiltinRegistry: a function that returns the factory, boxed as the core expects it.
func (r registry) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory, ok := r[kind][name]
	return func() (any, error) { return factory, nil }, ok
}

// Keys implements plugincatalog.BuiltinRegistry.
func (r registry) Keys(kind consts.PluginType) []string {
	return slices.Sorted(maps.Keys(r[kind]))
}

// DeprecationStatus implements plugincatalog.BuiltinRegistry.
func (r registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, r.Contains(name, kind)
}

// IsBuiltinEntPlugin implements plugincatalog.BuiltinRegistry.
func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
