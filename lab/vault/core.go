package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/helper/namespace"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/version"
)

// vaultVersion is the version of the core that is linked.
var vaultVersion = version.GetVersion().Version

// keys open a core. With file storage they are kept beside the data: this server guards nothing of value.
type keys struct {
	UnsealKey []byte `json:"unseal_key"`
	RootToken string `json:"root_token"`
}

// newCore builds a sealed core over the storage that opts name.
func newCore(opts options, address string, logger hclog.Logger) (*vault.Core, error) {
	known := plugins()
	config := &vault.CoreConfig{
		BuiltinRegistry:    known,
		LogicalBackends:    known[consts.PluginTypeSecrets],
		CredentialBackends: known[consts.PluginTypeCredential],
		DisableMlock:       true, // needs a privilege that tests do not have
		RedirectAddr:       address,
		ClusterName:        "keyturn-dev",
		Logger:             logger,
	}
	var err error
	if opts.cluster != nil {
		err = opts.cluster.addTo(config, logger)
	} else {
		config.Physical, config.StorageType, err = newStorage(opts.dir, logger)
	}
	if err != nil {
		return nil, err
	}
	return vault.NewCore(config)
}

func newStorage(dir string, logger hclog.Logger) (storage physical.Backend, kind string, err error) {
	if dir == "" {
		storage, err = inmem.NewInmem(nil, logger)
		return storage, "inmem", err
	}
	storage, err = file.NewFileBackend(map[string]string{"path": filepath.Join(dir, "data")}, logger)
	return storage, "file", err
}

// open initialises the core if it is new, unseals it, and returns a root token: the one that opts asks for, if any.
func open(ctx context.Context, core *vault.Core, opts options) (rootToken string, err error) {
	initialized, err := core.Initialized(ctx)
	if err != nil {
		return "", err
	}
	var k keys
	if initialized {
		k, err = loadKeys(opts.dir)
	} else {
		k, err = initialize(ctx, core, opts.dir)
	}
	if err != nil {
		return "", err
	}
	if err := unseal(core, k.UnsealKey); err != nil {
		return "", err
	}
	if opts.token == "" || opts.token == k.RootToken {
		return k.RootToken, nil
	}
	_, err = ask(ctx, core, k.RootToken, logical.UpdateOperation, "auth/token/create", map[string]any{
		"id": opts.token, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
	})
	if err != nil {
		return "", fmt.Errorf("root token: %w", err)
	}
	k.RootToken = opts.token
	return k.RootToken, saveKeys(opts.dir, k)
}

// initialize creates the core's keys and keeps them before anything else happens: a kill must not leave data that cannot
// be opened.
func initialize(ctx context.Context, core *vault.Core, dir string) (keys, error) {
	result, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig:  &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
		RecoveryConfig: &vault.SealConfig{},
	})
	if err != nil {
		return keys{}, err
	}
	k := keys{UnsealKey: result.SecretShares[0], RootToken: result.RootToken}
	return k, saveKeys(dir, k)
}

func unseal(core *vault.Core, key []byte) error {
	// Unseal wipes the key that it is given.
	unsealed, err := core.Unseal(append([]byte(nil), key...))
	if err != nil {
		return fmt.Errorf("unseal: %w", err)
	}
	if !unsealed {
		return errors.New("unseal: the kept key does not open the data")
	}
	return nil
}

func keysFile(dir string) string { return filepath.Join(dir, "keys.json") }

func loadKeys(dir string) (keys, error) {
	data, err := os.ReadFile(keysFile(dir))
	if err != nil {
		return keys{}, fmt.Errorf("storage is initialised, but its keys are missing: %w", err)
	}
	var k keys
	if err := json.Unmarshal(data, &k); err != nil {
		return keys{}, fmt.Errorf("%s: %w", keysFile(dir), err)
	}
	return k, nil
}

// saveKeys replaces the kept keys in one step. In memory there is nothing to keep.
func saveKeys(dir string, k keys) error {
	if dir == "" {
		return nil
	}
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return writeFile(keysFile(dir), data)
}

// writeFile replaces a file of the owner's, so that a reader or a crash never sees half of it.
func writeFile(name string, data []byte) error {
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// ask sends the core a request as the holder of token, and turns an error answer into an error.
func ask(ctx context.Context, core *vault.Core, token string, op logical.Operation, path string, data map[string]any) (*logical.Response, error) {
	resp, err := core.HandleRequest(namespace.RootContext(ctx), &logical.Request{
		Operation: op, Path: path, ClientToken: token, Data: data,
	})
	if err != nil {
		return nil, err
	}
	if resp.IsError() {
		return nil, resp.Error()
	}
	return resp, nil
}
