package devenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The variables that hand the tests a Vault which they did not start. Nothing else does, least of all VAULT_ADDR.
const (
	VaultAddrVariable  = "KEYTURN_TEST_VAULT_ADDR"
	VaultTokenVariable = "KEYTURN_TEST_VAULT_TOKEN"
)

// VaultOptions says how to start a Vault; the zero value is an empty one in memory on a free port.
type VaultOptions struct {
	Dir    string   // where data and its keys are kept; in memory if empty
	Port   int      // a free one if 0
	Mounts []string // key/value engines, NAME for version 2 or NAME:1; secret and keyturn-journal if nil
	Auth   []string // auth methods to enable: approle, kubernetes
}

// Vault is a running Vault server, unsealed. With a Dir, data survives Kill and Restart; without, neither. The
// address and the root token stay the same.
type Vault struct {
	*Process
	Addr  string // base URL
	Token string // root token
	dir   string
}

// StartVault builds the Vault of lab/vault if needed (see VaultBinary), starts it and waits until it is unsealed.
func StartVault(ctx context.Context, opts VaultOptions) (*Vault, error) {
	path, err := VaultBinary(ctx)
	if err != nil {
		return nil, err
	}
	if opts.Dir != "" {
		if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
			return nil, err
		}
	}
	token := "root-" + rand.Text()
	process, port, err := startOnPort(ctx, opts.Port, func(port int) Command {
		return opts.command(path, port, token)
	})
	if err != nil {
		return nil, err
	}
	return &Vault{Process: process, Addr: "http://" + loopback(port), Token: token, dir: opts.Dir}, nil
}

func (o VaultOptions) command(path string, port int, token string) Command {
	mounts := o.Mounts
	if mounts == nil {
		mounts = []string{"secret", "keyturn-journal"}
	}
	c := Command{Name: "vault", Path: path, Dir: os.TempDir(), Ready: &struct{}{}}
	storage := "inmem"
	if o.Dir != "" {
		storage = "file:" + o.Dir
		c.Log = filepath.Join(o.Dir, "vault.log")
	}
	c.Args = []string{
		"server", "-dev", "-ready-json", "-dev-listen-address", loopback(port), "-storage", storage,
		"-mounts", strings.Join(mounts, ","), "-auth", strings.Join(o.Auth, ","),
	}
	// Not an argument: those can be read by everybody on the machine.
	c.Env = []string{"VAULT_DEV_ROOT_TOKEN_ID=" + token}
	return c
}

// ExternalVault returns the Vault that VaultAddrVariable opts in to, or nil if it is not set. It has no Process.
func ExternalVault() *Vault {
	addr := strings.TrimRight(os.Getenv(VaultAddrVariable), "/")
	if addr == "" {
		return nil
	}
	return &Vault{Addr: addr, Token: os.Getenv(VaultTokenVariable)}
}

// The variables that hand the tests an OpenBao.
const (
	OpenBaoAddrVariable  = "KEYTURN_TEST_OPENBAO_ADDR"
	OpenBaoTokenVariable = "KEYTURN_TEST_OPENBAO_TOKEN" // of root
)

// ExternalOpenBao returns the OpenBao that OpenBaoAddrVariable opts in to, or nil if it is not set. It has no Process.
func ExternalOpenBao() *Vault {
	addr := strings.TrimRight(os.Getenv(OpenBaoAddrVariable), "/")
	if addr == "" {
		return nil
	}
	return &Vault{Addr: addr, Token: os.Getenv(OpenBaoTokenVariable)}
}

// String keeps the root token out of test failures that print the server.
func (v *Vault) String() string { return fmt.Sprintf("vault at %s", v.Addr) }
