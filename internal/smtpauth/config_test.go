package smtpauth

import (
	"context"
	"strings"
	"testing"
	"time"

	"keyturn/internal/secret"
)

func TestEachFaultOfASettingIsEnoughToRefuseIt(t *testing.T) {
	t.Parallel()
	good := Config{
		Addr: "mail.example.com:465", TLS: ImplicitTLS, Ledger: &book{}, Now: func() time.Time { return time.Time{} },
		Witness: func(context.Context, string) (string, secret.Value, error) { return "", secret.Value{}, ErrNoWitness },
	}
	newServer(t, good)
	for _, tt := range []struct {
		fault, says string
		change      func(*Config)
	}{
		{"no host", "address", func(c *Config) { c.Addr = ":465" }},
		{"no port", "address", func(c *Config) { c.Addr = "mail.example.com:" }},
		{"no colon", "address", func(c *Config) { c.Addr = "mail.example.com" }},
		{"no witnesses", "a ledger needs", func(c *Config) { c.Witness = nil }},
		{"no clock", "a ledger needs", func(c *Config) { c.Now = nil }},
	} {
		config := good
		tt.change(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.fault, err)
		}
	}
}

// A run that waited less would give up while the question may still be answered.
func TestAQuestionMayTakeItsWaitALoginAndOneThatBacksIt(t *testing.T) {
	t.Parallel()
	config := Config{Addr: "mail.example.com:465", TLS: ImplicitTLS, Timeout: 20 * time.Second}
	if got, want := newServer(t, config).For("mine").Timeout(), patience+20*time.Second; got != want {
		t.Errorf("without a ledger %s, want %s", got, want)
	}
	config.Ledger, config.Now = &book{}, func() time.Time { return time.Time{} }
	config.Witness = func(context.Context, string) (string, secret.Value, error) { return "", secret.Value{}, ErrNoWitness }
	if got, want := newServer(t, config).For("mine").Timeout(), patience+40*time.Second; got != want {
		t.Errorf("with a ledger %s, want %s", got, want)
	}
}
