package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"keyturn/internal/certs"
	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/smtpauth"
	"keyturn/internal/vaultkv"
)

// Subjects gives every credential of a configuration what acts on it. It is safe for concurrent use.
type Subjects struct {
	cfg     *config.Config
	read    ReadField
	mail    Mail
	waiting map[string]error // by account: why its management keys cannot be read yet

	mu      sync.Mutex
	clients map[string]keyed                   // by account
	servers map[rotation.SMTP]*smtpauth.Server // by all but the user name, so that caps on probing hold per server
}

// keyed is a client with a fingerprint of the management keys that it has.
type keyed struct {
	rotation.Client
	print fingerprint
	id    string    // of the key, where the account's keys are those of a credential
	since time.Time // when this process read it first
}

// ReadField reads a management key that stands in Vault.
type ReadField func(ctx context.Context, store, path, field string) (secret.Value, error)

// NewSubjects reads the management keys, makes a client, and tries every verification of the named accounts; of all where
// none is named. Its error names every key, or else everything else, that is missing.
func NewSubjects(ctx context.Context, cfg *config.Config, read ReadField, mail Mail, accounts ...string) (*Subjects, error) {
	s := &Subjects{
		cfg: cfg, read: read, mail: mail, clients: make(map[string]keyed, len(cfg.Accounts)),
		servers: map[rotation.SMTP]*smtpauth.Server{},
	}
	keys, err := s.keys(ctx, accounts...)
	if err != nil {
		return nil, err
	}
	var problems []error
	for name := range keys {
		client, err := clientOf(cfg.Accounts[name], keys[name])
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

// keys are the management keys of the named accounts, of all where none is named.
func (s *Subjects) keys(ctx context.Context, accounts ...string) (map[string]map[string]secret.Value, error) {
	return s.cfg.ResolveKeys(vaultkv.Snapshot(ctx), func(ctx context.Context, ref config.VaultRef) (secret.Value, error) {
		return s.read(ctx, ref.Store, ref.Path, ref.Field)
	}, accounts...)
}

func clientOf(account *config.Account, keys map[string]secret.Value) (keyed, error) {
	made := keyed{print: fingerprintOf(keys), since: rotation.WallClock{}.Now()}
	if account.KeysFrom != "" {
		made.id = keys[account.Provider.Keys[0]].Reveal()
	}
	settings, err := Settings(account, keys)
	if err == nil {
		made.Client, err = account.Provider.New(settings)
		made.Client = traced(account.Provider.Code, made.Client)
	}
	return made, err
}

// Client returns the provider client of an account.
func (s *Subjects) Client(account string) rotation.Client { return s.client(account).Client }

func (s *Subjects) client(account string) keyed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients[account]
}

// Renew reads the management keys of an account again, and makes another client if they have changed. Runs that have begun
// go on with the client that they have. After an error, and where the key that stands there is not to be taken up, the account
// has what it had.
func (s *Subjects) Renew(ctx context.Context, account string, takes func(ctx context.Context, id string) error) (changed bool, err error) {
	keys, err := s.keys(ctx, account)
	if err != nil {
		return false, err
	}
	if s.client(account).print == fingerprintOf(keys[account]) {
		return false, nil
	}
	next, err := clientOf(s.cfg.Accounts[account], keys[account])
	if err == nil && next.id != "" {
		err = takes(ctx, next.id)
	}
	if err != nil {
		return false, fmt.Errorf("account %s: %w", account, err)
	}
	return s.put(account, next), nil
}

// put gives an account another client, and reports whether that has other keys.
func (s *Subjects) put(account string, next keyed) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = s.clients[account].print != next.print
	s.clients[account] = next
	return changed
}

// Of returns a credential with what acts on it.
func (s *Subjects) Of(cred *rotation.Credential) (rotation.Subject, error) {
	if cause := s.waiting[cred.Account]; cause != nil {
		return rotation.Subject{}, &rotation.WaitError{After: keysPause, Reason: "its management keys cannot be read: " + cause.Error()}
	}
	subject := rotation.Subject{Credential: cred, Client: s.Client(cred.Account)}
	switch cred.Verify.Mode {
	case rotation.VerifyOff:
		if account := s.cfg.Accounts[cred.Account]; account.KeysFrom == cred.ID {
			subject.Verifier = keyProof{account, cred}
		}
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
		subject.Verifier = tracedLogin{server.For(cred.ID), cred.Verify.SMTP.Address}
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
