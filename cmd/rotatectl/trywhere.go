package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/httpx"
	"keyturn/internal/providers/declared"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

const (
	tryTimeout  = 10 * time.Second // of a call that no account bounds
	exampleKeys = "their names in capitals"
)

// settings decides whom to call with which keys. A key of an account never goes to the sandbox.
func (t *trial) settings(cmd *cobra.Command, o *options, file, target string, p rotation.Provider) (s rotation.Settings, whose string, err error) {
	s = rotation.Settings{Region: t.region, Timeout: tryTimeout, Endpoint: t.endpoint, Keys: map[string]secret.Value{}}
	var cfg *config.Config
	var account *config.Account
	if t.account != "" {
		if cfg, account, err = t.known(o, file, p); err != nil {
			return s, "", err
		}
		s.Region, s.Timeout = cmp.Or(t.region, account.Region), account.Timeout
		if s.Endpoint == "" && (t.forReal || local(account.Endpoint)) {
			s.Endpoint = account.Endpoint
		}
	}
	switch {
	case t.region != "" && !slices.Contains(p.Regions, t.region):
		return s, "", usageError{fmt.Errorf("--region: %s has no region %q", p.Code, t.region)}
	case t.forReal && t.account == "":
		return s, "", usageError{errors.New("--for-real: want --account, whose keys are used")}
	case s.Endpoint != "" && !local(s.Endpoint) && !t.forReal:
		return s, "", usageError{errors.New("--endpoint is not on this machine: a call there changes a password; say --for-real if that is meant")}
	case t.endpoint != "" && !local(t.endpoint) && strings.HasPrefix(t.endpoint, "http://"):
		return s, "", usageError{errors.New("--endpoint: want https, or the keys are readable on the way")}
	}
	if s.Endpoint != "" && cfg != nil {
		if id := managed(cfg, account, target); id != "" && t.endangers(p) {
			return s, "", usageError{fmt.Errorf("--target: it is the target of %s, whose password in Vault would then be wrong: rotate that, or try another target", id)}
		}
		keys, err := t.keys(cmd, cfg)
		if err != nil {
			return s, "", err
		}
		own, err := app.Settings(account, keys)
		s.Keys, s.CA = own.Keys, own.CA
		return s, "those of account " + t.account, err
	}
	for _, name := range p.Keys {
		s.Keys[name] = secret.New(declared.ExampleKey(name))
	}
	if s.Endpoint == "" {
		s.Endpoint, err = t.played(cmd.Context(), file, p.Code)
	}
	return s, exampleKeys, err
}

// known is the account, which must be one of the provider in the file.
func (t *trial) known(o *options, file string, p rotation.Provider) (*config.Config, *config.Account, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, nil, err
	}
	account := cfg.Accounts[t.account]
	switch {
	case account == nil:
		return nil, nil, usageError{fmt.Errorf("--account: %s has no account %q", o.config, t.account)}
	case account.Provider.Code != p.Code:
		return nil, nil, usageError{fmt.Errorf("--account: %s is an account of %s, and %s describes %s", t.account, account.Provider.Code, file, p.Code)}
	}
	return cfg, account, nil
}

// managed is the credential whose target this is, at any account of the provider: several may be of one tenant. A target has
// the spelling of the description that is tried, and perhaps another one in the configured one. "" means that it is none's.
func managed(cfg *config.Config, account *config.Account, target string) string {
	same := []string{target}
	if spelled, err := account.Provider.CheckTarget(target); err == nil {
		same = append(same, spelled)
	}
	for c := range cfg.Credentials() {
		of := cfg.Accounts[c.Account].Provider.Code == account.Provider.Code
		if of && (slices.Contains(same, c.Target) || c.Pair != nil && slices.Contains(same, c.Pair.Targets[1].Target)) {
			return c.ID
		}
	}
	return ""
}

// keys reads the account's management keys. Vault is asked only where one stands there.
func (t *trial) keys(cmd *cobra.Command, cfg *config.Config) (map[string]secret.Value, error) {
	var vault *vaultkv.Vault
	defer func() {
		if vault != nil {
			vault.Close()
		}
	}()
	all, err := cfg.ResolveKeys(cmd.Context(), func(ctx context.Context, ref config.VaultRef) (secret.Value, error) {
		if vault == nil {
			var err error
			if vault, err = app.Vault(ctx, cfg, vaultkv.ReadOnly, warn); err != nil {
				return secret.Value{}, err
			}
		}
		return vault.ReadField(ctx, ref.Store, ref.Path, ref.Field)
	}, t.account)
	if err != nil {
		return nil, usageError{err}
	}
	return all[t.account], nil
}

// local tells whether a base URL is one of this machine.
func local(endpoint string) bool {
	u, err := httpx.ParseEndpoint(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// played is where the sandbox plays a provider.
func (t *trial) played(ctx context.Context, file, code string) (string, error) {
	const answerLimit = 1 << 20
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	at := url.URL{Scheme: "http", Host: t.sandbox, Path: "/ready"}
	if !local(at.String()) {
		return "", usageError{fmt.Errorf("--sandbox %s is not on this machine", t.sandbox)}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("no sandbox at %s: start one with `sandbox -provider %s`, or name an --endpoint", t.sandbox, file)
	}
	defer response.Body.Close()
	var ready struct{ Providers map[string]string }
	if err := json.NewDecoder(io.LimitReader(response.Body, answerLimit)).Decode(&ready); err != nil {
		return "", fmt.Errorf("what answers at %s is not a sandbox", t.sandbox)
	}
	endpoint := ready.Providers[code]
	if !local(endpoint) {
		return "", fmt.Errorf("the sandbox at %s does not play %s: start it with -provider %s (it plays %s)",
			t.sandbox, code, file, strings.Join(slices.Sorted(maps.Keys(ready.Providers)), ", "))
	}
	return endpoint, nil
}
