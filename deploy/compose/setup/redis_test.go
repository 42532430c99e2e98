package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/certs"
	"keyturn/internal/devenv"
)

func newRedisFiles(t *testing.T) *setup {
	t.Helper()
	return &setup{log: slog.New(slog.DiscardHandler), redis: redisFiles{server: t.TempDir(), client: t.TempDir(), template: "../../redis/users.acl"}}
}

// startRedis starts Redis with what was made for it, and returns its address for TLS. The other port tells that it has
// started.
func startRedis(t *testing.T, files redisFiles) string {
	t.Helper()
	port, err := devenv.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server, err := devenv.StartRedis(t.Context(), devenv.RedisOptions{Args: []string{
		"--tls-port", strconv.Itoa(port), "--tls-auth-clients", "no",
		"--tls-cert-file", files.certificate(), "--tls-key-file", files.key(), "--aclfile", files.acl(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func TestRedisTakesItsUsersAndNoOthers(t *testing.T) {
	t.Parallel()
	s := newRedisFiles(t)
	if err := s.makeRedis(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool, err := certs.Pool(s.redis.authority())
	if err != nil {
		t.Fatal(err)
	}
	address, password := startRedis(t, s.redis), read(t, s.redis.password())
	for _, login := range []struct {
		host, user, password string
		pings, writes        bool
	}{
		{"redis", "keyturn", password, true, true},
		{"vault", "keyturn", password, false, false}, // the certificate is of another host
		{"redis", "keyturn", "another", false, false},
		{"redis", "probe", "any", true, false},
		{"redis", "", "", false, false},
	} {
		client := redis.NewClient(&redis.Options{
			Addr: address, Username: login.user, Password: login.password,
			TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: login.host},
		})
		if err := client.Ping(t.Context()).Err(); (err == nil) != login.pings {
			t.Errorf("%s: PING of %q: %v", login.host, login.user, err)
		}
		if err := client.Set(t.Context(), "keyturn:a", "b", 0).Err(); (err == nil) != login.writes {
			t.Errorf("%s: SET of %q: %v", login.host, login.user, err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestASecondRunKeepsKeyAndPasswordAndRenewsTheRest(t *testing.T) {
	t.Parallel()
	s := newRedisFiles(t)
	files := []string{s.redis.key(), s.redis.certificate(), s.redis.acl(), s.redis.authority(), s.redis.password()}
	if err := s.makeRedis(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := map[string]string{}
	for _, file := range files {
		before[file] = read(t, file)
	}
	for _, lost := range []string{"", s.redis.acl(), s.redis.authority()} { // a volume was removed
		if lost != "" {
			if err := os.Remove(lost); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.makeRedis(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if read(t, file) != before[file] {
				t.Errorf("without %q: %s has changed", lost, file)
			}
		}
	}
}

func TestATemplateWithoutAPlaceForTheHashIsNamed(t *testing.T) {
	t.Parallel()
	s := newRedisFiles(t)
	s.redis.template = filepath.Join(t.TempDir(), "users.acl")
	write(t, s.redis.template, "user default off\n")
	if err := s.makeRedis(t.Context()); err == nil || !strings.Contains(err.Error(), s.redis.template+": has no SHA256-OF-THE-PASSWORD") {
		t.Errorf("got %v", err)
	}
}
