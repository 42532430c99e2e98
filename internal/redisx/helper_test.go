package redisx_test

import (
	"testing"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
	"keyturn/internal/secret"
)

// asKeyturn is how keyturn reaches a Redis.
func asKeyturn(server *devenv.Redis) redisx.Config {
	return redisx.Config{
		Addresses: []string{server.Addr}, Username: devenvtest.RedisUser, Password: secret.New(devenvtest.RedisPassword),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
