package config_test

import (
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/providers"
)

func TestTheExampleLoads(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load("../../keyturn.example.yaml", providers.All())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.Len(), 4; got != want {
		t.Errorf("%d credentials, want %d", got, want)
	}
}
