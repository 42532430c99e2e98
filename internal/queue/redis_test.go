package queue_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/queue"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// workThrough proves that a connection can do all that the queue needs: enqueue, run, count, block, tidy.
func workThrough(t *testing.T, r *rig) {
	t.Helper()
	must(t, redisx.Check(t.Context(), r.rdb))
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		if job.Attempt == 0 && job.Reason == rotation.ReasonScheduled {
			return rotation.Result{Status: rotation.Failed}
		}
		return rotation.Result{Status: rotation.Done, Rotated: true}
	}), hurry(time.Second, noSweep))
	slot, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	_, err = r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	must(t, r.client.Enqueue(t.Context(), account, "b", slot, rotation.ReasonScheduled, false))
	must(t, r.client.Ask(t.Context(), account, "c", rotation.ReasonRecheck, time.Second))
	eventually(t, "all jobs have ended", func() bool { return r.empty(t) })
	eventually(t, "the outcome is noted", func() bool {
		o, err := r.client.Outcome(t.Context(), account, queue.KindRotate, "a")
		must(t, err)
		return o.Final
	})
	open(t, r)
	if n := r.jobs.count("failed"); n != 1 {
		t.Errorf("%d failed runs, want 1", n)
	}
}

func TestTLSAndALeastPrivilegedUserSuffice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := writeCertificate(t, dir)
	acl := filepath.Join(dir, "users.acl")
	must(t, os.WriteFile(acl, []byte(devenvtest.RedisUsers(t)), 0o600))
	port, err := devenv.FreePort(t.Context())
	must(t, err)
	devenvtest.RedisWith(t, devenv.RedisOptions{Args: []string{
		"--aclfile", acl, "--tls-port", strconv.Itoa(port), "--tls-auth-clients", "no",
		"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"),
		"--tls-ca-cert-file", filepath.Join(dir, "cert.pem"),
	}})
	cfg := redisx.Config{
		Addresses: []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))},
		Username:  devenvtest.RedisUser, Password: secret.New(devenvtest.RedisPassword),
		TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	workThrough(t, rigOn(t, cfg))

	for name, change := range map[string]func(*redisx.Config){
		"wrong password":  func(c *redisx.Config) { c.Password = secret.New("wrong") },
		"no user":         func(c *redisx.Config) { c.Username = "" },
		"unknown issuer":  func(c *redisx.Config) { c.TLS = &tls.Config{MinVersion: tls.VersionTLS12} },
		"in clear to TLS": func(c *redisx.Config) { c.TLS = nil },
	} {
		bad := cfg
		change(&bad)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if _, err := rigOn(t, bad).client.Now(ctx); err == nil {
			t.Errorf("%s: it got in", name)
		}
		cancel()
	}
	// The user may not do what could hurt others on that Redis.
	rdb, err := redisx.Dial(cfg)
	must(t, err)
	t.Cleanup(func() { _ = rdb.Close() })
	for _, args := range [][]any{
		{"FLUSHALL"},
		{"FLUSHDB"},
		{"KEYS", "*"},
		{"CONFIG", "GET", "*"},
		{"ACL", "LIST"},
		{"ACL", "SETUSER", "mine"},
		{"REPLICAOF", "NO", "ONE"},
		{"CLIENT", "KILL", "ID", "1"},
		{"MODULE", "LIST"},
		{"GET", "another:key"},
		{"SET", "another:key", "x"},
		{"RENAME", "asynq:queues", "another:key"},
		{"EVAL", "return redis.call('GET', KEYS[1])", "1", "another:key"},
		{"PUBLISH", "another", "x"},
		{"SUBSCRIBE", "another"},
		{"CLUSTER", "RESET"},
		{"SHUTDOWN", "NOSAVE"},
	} {
		if err := rdb.Do(t.Context(), args...).Err(); err == nil || !strings.Contains(err.Error(), "permission") {
			t.Errorf("%v: %v, want that it is not permitted", args, err)
		}
	}
}

// Certificates are replaced while processes run.
func TestEachConnectionHasTheTLSSettingsOfItsTime(t *testing.T) {
	t.Parallel()
	port, err := devenv.FreePort(t.Context())
	must(t, err)
	start := func(dir string) *devenv.Redis {
		return devenvtest.RedisWith(t, devenv.RedisOptions{Args: []string{
			"--tls-port", strconv.Itoa(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", filepath.Join(dir, "cert.pem"),
			"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"),
		}})
	}
	old, renewed := t.TempDir(), t.TempDir()
	var roots atomic.Pointer[x509.CertPool]
	roots.Store(writeCertificate(t, old))
	server := start(old)
	rdb, err := redisx.Dial(redisx.Config{
		Addresses: []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))},
		Username:  devenvtest.RedisUser, Password: secret.New(devenvtest.RedisPassword),
		Renew: func() *tls.Config { return &tls.Config{RootCAs: roots.Load(), MinVersion: tls.VersionTLS12} },
	})
	must(t, err)
	t.Cleanup(func() { _ = rdb.Close() })
	must(t, rdb.Ping(t.Context()).Err())
	must(t, server.Stop())
	next := writeCertificate(t, renewed)
	start(renewed)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	if err := rdb.Ping(ctx).Err(); err == nil {
		t.Error("a certificate of an unknown issuer is accepted")
	}
	cancel()
	roots.Store(next)
	must(t, rdb.Ping(t.Context()).Err())
}

// Every script and pipeline must keep to one hash slot, or name its keys one by one.
func TestTheQueueWorksOnACluster(t *testing.T) {
	t.Parallel()
	server := devenvtest.RedisWith(t, devenv.RedisOptions{
		Args: []string{"--cluster-enabled", "yes", "--cluster-config-file", filepath.Join(t.TempDir(), "nodes.conf")},
	})
	admin, err := redisx.Dial(redisx.Config{Addresses: []string{server.Addr}})
	must(t, err)
	t.Cleanup(func() { _ = admin.Close() })
	must(t, admin.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err())
	eventually(t, "the cluster serves", func() bool {
		info, err := admin.Do(t.Context(), "CLUSTER", "INFO").Text()
		return err == nil && len(info) > 16 && info[:16] == "cluster_state:ok"
	})
	cfg := asKeyturn(server)
	cfg.Cluster = true
	workThrough(t, rigOn(t, cfg))
}

func TestTheQueueFindsItsMasterThroughASentinel(t *testing.T) {
	t.Parallel()
	master := devenvtest.Redis(t)
	host, masterPort, err := net.SplitHostPort(master.Addr)
	must(t, err)
	port, err := devenv.FreePort(t.Context())
	must(t, err)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, "bind 127.0.0.1\nport %d\nsentinel monitor keyturn %s %s 1\n", port, host, masterPort), 0o600))
	path, err := exec.LookPath("redis-server")
	must(t, err)
	addr := net.JoinHostPort(host, strconv.Itoa(port))
	devenvtest.Process(t, devenv.Command{
		Path: path, Args: []string{conf, "--sentinel"},
		Probe: func(ctx context.Context, _ int) error {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
	cfg := asKeyturn(master)
	cfg.Addresses, cfg.Master = []string{addr}, "keyturn"
	workThrough(t, rigOn(t, cfg))
}

func TestARedisThatEvictsIsRefused(t *testing.T) {
	t.Parallel()
	r := rigOn(t, asKeyturn(devenvtest.RedisWith(t, devenv.RedisOptions{Args: []string{"--maxmemory-policy", "allkeys-lru"}})))
	if err := redisx.Check(t.Context(), r.rdb); !errors.Is(err, redisx.ErrEvicts) {
		t.Errorf("got %v", err)
	}
}

func TestContradictingAddressesAreRefused(t *testing.T) {
	t.Parallel()
	one, two := []string{"a:1"}, []string{"a:1", "b:1"}
	for name, cfg := range map[string]redisx.Config{
		"no address":           {},
		"two, of what":         {Addresses: two},
		"cluster and sentinel": {Addresses: two, Cluster: true, Master: "m"},
		"database of cluster":  {Addresses: one, Cluster: true, Database: 1},
	} {
		if rdb, err := redisx.Dial(cfg); err == nil {
			_ = rdb.Close()
			t.Errorf("%s: dialled", name)
		}
	}
}

// writeCertificate puts a certificate for 127.0.0.1 and its key into dir, and returns the pool that trusts it.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	must(t, os.WriteFile(filepath.Join(dir, "cert.pem"), certPEM, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return pool
}
