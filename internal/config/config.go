// Package config reads keyturn.yaml and the files of credentials that it includes, checks everything that can be
// checked without a network, and reports every error at once with its position and a hint.
package config

import (
	"crypto/sha256"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/config/inventory"
	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// Config is a valid configuration. It never changes and is safe for concurrent use.
type Config struct {
	inventory.Inventory // the credentials, in the order of the files

	Redis         Redis
	Stores        map[string]*Store // Vault, by the names that credentials use
	DefaultStore  string
	Accounts      map[string]*Account
	Verifications []Verification // in the order of the file
	Freezes       freeze.Set     // likewise: the calendar of change freezes
	Timing        Timing
	Console       *Console // nil: there is none
	Webhooks      map[string]*Webhook
	// Files are the configuration file and everything it includes, in the order in which they were read.
	Files []string
	// Warnings are what is legal but surely not meant, up to a bound and in the order of the files.
	Warnings []*document.Error

	marks        map[string]*rotation.Marks // by id, where they are not those of the account: few have their own
	notify       map[string][]Notify        // likewise
	certificates map[string]document.Error  // where each file of certificates is named
	fingerprint  [sha256.Size]byte
	origin       origin
}

// origin is what a Config was loaded from, for loading it again.
type origin struct {
	path      string
	providers Providers
	patterns  []string // of the included files and of those of providers, absolute or relative to the working directory
}

// Timing bounds how long things take. Each is checked against the others.
type Timing struct {
	ProviderTimeout time.Duration // hard limit of one provider call, where the account does not say otherwise
	TaskTimeout     time.Duration // of one run of a job; longer than any provider call
	ResumeAfter     time.Duration // an open journal untouched for so long is resumed; longer than any provider call
	MinInterval     time.Duration // between two promotions of one credential; longer than any run
	RecheckAfter    time.Duration // after a rotation that a late call may overtake; longer than any run
	DriftCheck      *schedule.Schedule
}

// Verification is a contact verification job: mail a confirmation link to addresses, on a schedule.
type Verification struct {
	Name      string
	Account   string
	Addresses []string // canonical, without duplicates
	Schedule  *schedule.Schedule
}

// Marks returns what a credential is filed under; nil if that is nothing.
func (c *Config) Marks(cred *rotation.Credential) *rotation.Marks {
	if own, ok := c.marks[cred.ID]; ok {
		return own
	}
	if account, ok := c.Accounts[cred.Account]; ok {
		return account.Marks
	}
	return nil
}

// Where returns the file and line that define a credential; "" and 0 if there is no such credential.
func (c *Config) Where(id string) (file string, line int) {
	e, ok := c.Entry(id)
	if !ok {
		return "", 0
	}
	return c.Files[e.File], int(e.Line)
}
