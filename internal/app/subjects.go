package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"keyturn/internal/certs"
	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/smtpauth"
)

// Subjects gives every credential of a configuration what acts on it. It is safe for concurrent use.
type Subjects struct {
	cfg     *config.Config
	mail    Mail
	clients map[string]rotation.Client // by account
	waiting map[string]error           // by account: why its management keys cannot be read yet

	mu      sync.Mutex
	servers map[rotation.SMTP]*smtpauth.Server // by all but the user name, so that caps on probing hold per server
}

// ReadField reads a management key that stands in Vault.
type ReadField func(ctx context.Context, store, path, field string) (secret.Value, error)

// NewSubjects reads the management keys, makes a client, and tries every verification of the named accounts; of all where
// none is named. Its error names every key, or else everything else, that is missing.
func NewSubjects(ctx context.Context, cfg *config.Config, read ReadField, mail Mail, accounts ...string) (*Subjects, error) {
	keys, err := cfg.ResolveKeys(ctx, func(ctx context.Context, ref config.VaultRef) (secret.Value, error) {
		return read(ctx, ref.Store, ref.Path, ref.Field)
	}, accounts...)
	if err != nil {
		return nil, err
	}
	s := &Subjects{
		cfg: cfg, mail: mail, clients: make(map[string]rotation.Client, len(cfg.Accounts)),
		servers: map[rotation.SMTP]*smtpauth.Server{},
	}
	var problems []error
	for name := range keys {
		account := cfg.Accounts[name]
		var client rotation.Client
		settings, err := Settings(account, keys[name])
		if err == nil {
			client, err = account.Provider.New(settings)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("account %s: %w", name, err))
		}
		s.clients[name] = client
	}
	// What a verification lacks must show now, not at the first rotation. Credentials share few of them.
	checked := map[*rotation.Verification]bool{}
	for cred := range cfg.Credentials() {
		if _, wanted := s.clients[cred.Account]; !wanted || checked[cred.Verify] {
			continue
		}
		checked[cred.Verify] = true
		if _, err := s.Of(cred); err != nil {
			problems = append(problems, err)
		}
	}
	return s, errors.Join(problems...)
}

// Settings are what a client of an account is made from.
func Settings(account *config.Account, keys map[string]secret.Value) (rotation.Settings, error) {
	s := rotation.Settings{Endpoint: account.Endpoint, Region: account.Region, Keys: keys, Timeout: account.Timeout}
	if account.CAFile == "" {
		return s, nil
	}
	var err error
	s.CA, err = certs.Pool(account.CAFile)
	return s, err
}

// Client returns the provider client of an account.
func (s *Subjects) Client(account string) rotation.Client { return s.clients[account] }

// Of returns a credential with what acts on it.
func (s *Subjects) Of(cred *rotation.Credential) (rotation.Subject, error) {
	if cause := s.waiting[cred.Account]; cause != nil {
		return rotation.Subject{}, &rotation.WaitError{After: keysPause, Reason: "its management keys cannot be read: " + cause.Error()}
	}
	subject := rotation.Subject{Credential: cred, Client: s.clients[cred.Account]}
	switch cred.Verify.Mode {
	case rotation.VerifyOff:
	case rotation.VerifyProvider:
		subject.Verifier = subject.Client.ReadBack
		if subject.Verifier == nil {
			return subject, fmt.Errorf("credential %s: its provider has no read-back to verify by", cred.ID)
		}
	case rotation.VerifySMTP:
		server, err := s.server(cred.Verify.SMTP)
		if err != nil {
			return subject, fmt.Errorf("credential %s: %w", cred.ID, err)
		}
		subject.Verifier = server.For(cred.ID)
	}
	return subject, nil
}

// server returns the one Server for these settings.
func (s *Subjects) server(settings rotation.SMTP) (*smtpauth.Server, error) {
	settings.Username = ""
	s.mu.Lock()
	defer s.mu.Unlock()
	if server, ok := s.servers[settings]; ok {
		return server, nil
	}
	c := smtpauth.Config{
		Addr: settings.Address, TLS: smtpauth.TLSMode(settings.TLS), Mechanism: smtpauth.Mechanism(settings.Mechanism),
		EHLO: settings.EHLO, Timeout: settings.Timeout,
	}
	if settings.CAFile != "" {
		pool, err := certs.Pool(settings.CAFile)
		if err != nil {
			return nil, err
		}
		c.CA = pool
	}
	if err := s.mail.share(&c, s.cfg, settings.Rate); err != nil {
		return nil, err
	}
	server, err := smtpauth.New(c)
	if err != nil {
		return nil, err
	}
	s.servers[settings] = server
	return server, nil
}
