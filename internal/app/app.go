// Package app puts the parts together that every command shares: it turns a configuration into connections,
// provider clients and verifiers. It is the only place that knows all adapters.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/certs"
	"keyturn/internal/config"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/tracing"
	"keyturn/internal/vaultkv"
)

// Redis connects to the Redis of a configuration and asks it for a sign of life.
func Redis(ctx context.Context, cfg *config.Config) (redis.UniversalClient, error) {
	settings, err := redisSettings(ctx, cfg.Redis)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	client, err := redisx.Dial(settings)
	if err != nil {
		return nil, err
	}
	tracing.WatchRedis(client)
	if err := redisx.Ping(ctx, client); err != nil {
		return nil, errors.Join(fmt.Errorf("redis at %v does not answer: %w", settings.Addresses, err), client.Close())
	}
	if err := redisx.Check(ctx, client); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

func redisSettings(ctx context.Context, c config.Redis) (redisx.Config, error) {
	settings := redisx.Config{Addresses: c.Addresses, Cluster: len(c.Addresses) > 0, Database: c.DB, Username: c.Username}
	var sentinelErr, passwordErr, tlsErr error
	switch {
	case c.Sentinel != nil:
		settings.Addresses, settings.Master, settings.SentinelUsername = c.Sentinel.Addresses, c.Sentinel.Master, c.Sentinel.Username
		settings.SentinelPassword, sentinelErr = readSource(ctx, c.Sentinel.Password, nil)
	case c.Address != "":
		settings.Addresses = []string{c.Address}
	}
	settings.Password, passwordErr = readSource(ctx, c.Password, nil)
	if c.TLS != nil {
		settings.TLS, tlsErr = clientTLS(c.TLS)
		settings.Renew = renewTLS(c.TLS, settings.TLS)
	}
	return settings, errors.Join(sentinelErr, passwordErr, tlsErr)
}

func readSource(ctx context.Context, s config.Source, fetch config.Fetch) (secret.Value, error) {
	if s.IsZero() {
		return secret.Value{}, nil
	}
	return s.Read(ctx, fetch)
}

// renewTLS reads the files again for each connection, since certificates are replaced while a process runs. Where that
// fails, in the middle of a replacement for instance, what was read last counts; /readyz says so.
func renewTLS(c *config.TLS, first *tls.Config) func() *tls.Config {
	var last atomic.Pointer[tls.Config]
	last.Store(first)
	return func() *tls.Config {
		if next, err := clientTLS(c); err == nil {
			last.Store(next)
		}
		return last.Load()
	}
}

// checkTLS reports files that cannot be used.
func checkTLS(c *config.TLS) error {
	if c == nil {
		return nil
	}
	_, err := clientTLS(c)
	return err
}

func clientTLS(c *config.TLS) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		pool, err := certs.Pool(c.CAFile)
		if err != nil {
			return nil, err
		}
		settings.RootCAs = pool
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}

// vaultAuth says how to log in. Files are read again at every login, but one that is missing or empty now is an error.
func vaultAuth(ctx context.Context, a config.Auth) (vaultkv.Auth, error) {
	auth := vaultkv.Auth{
		Method: vaultkv.Method(a.Method), Mount: a.Mount, Role: a.Role, RoleFile: a.RoleFrom.File, File: a.Secret.File, Wrapped: a.Wrapped,
	}
	role, roleErr := readSource(ctx, a.RoleFrom, nil)
	if auth.RoleFile == "" && !role.IsZero() {
		auth.Role = role.Reveal()
	}
	key, keyErr := readSource(ctx, a.Secret, nil)
	if auth.File == "" {
		auth.Secret = key
	}
	return auth, errors.Join(roleErr, keyErr)
}

// sampled is how many credentials' places a process asks its rights for at its start: a policy that forgets one path
// forgets its neighbours too, and a million questions would take minutes.
const sampled = 500

// Vault opens every store of a configuration and asks whether keyturn may do there what it must. It fails where no store
// can be used. What is in the way of some stores or paths goes to warn, one error each, because the others need not wait
// for it; with a nil warn that is a failure too.
func Vault(ctx context.Context, cfg *config.Config, access vaultkv.Access, warn func(error)) (*vaultkv.Vault, error) {
	vault, err := openVault(ctx, cfg)
	if err != nil {
		return nil, err
	}
	places := somePlaces(cfg)
	if warn == nil {
		err = vault.Check(ctx, access, places...)
	} else {
		err = tolerate(ctx, vault, access, places, warn)
	}
	if err != nil {
		vault.Close()
		return nil, err
	}
	return vault, nil
}

// somePlaces are where the first credentials stand.
func somePlaces(cfg *config.Config) []rotation.Place {
	var places []rotation.Place
	for cred := range cfg.Credentials() {
		if places = append(places, cred.Place); len(places) == sampled {
			break
		}
	}
	return places
}

func tolerate(ctx context.Context, vault *vaultkv.Vault, access vaultkv.Access, places []rotation.Place, warn func(error)) error {
	unusable := vault.Unusable(ctx, access)
	problems := slices.SortedFunc(maps.Values(unusable), func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if len(problems) == vault.Stores() {
		return errors.Join(problems...)
	}
	for _, problem := range problems {
		warn(problem)
	}
	places = slices.DeleteFunc(places, func(place rotation.Place) bool { return unusable[place.Store] != nil })
	if err := vault.CheckPlaces(ctx, access, places...); err != nil {
		warn(err)
	}
	return nil
}

func openVault(ctx context.Context, cfg *config.Config) (*vaultkv.Vault, error) {
	stores := make(map[string]vaultkv.StoreConfig, len(cfg.Stores))
	var problems []error
	for name, s := range cfg.Stores {
		var err error
		if stores[name], err = storeConfig(ctx, s); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return vaultkv.Open(ctx, stores)
}

// storeConfig reads what logs in to a store.
func storeConfig(ctx context.Context, s *config.Store) (vaultkv.StoreConfig, error) {
	auth, err := vaultAuth(ctx, s.Auth)
	return vaultkv.StoreConfig{
		Address: s.Address, Nodes: s.Nodes, Namespace: s.Namespace, Mount: s.Mount, JournalMount: s.JournalMount, Auth: auth,
		CAFile: s.CAFile, Timeout: s.Timeout,
		Fields: vaultkv.Fields(s.Fields),
	}, err
}
