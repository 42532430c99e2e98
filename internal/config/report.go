package config

import (
	"errors"

	"keyturn/internal/config/document"
)

// Report is what a check of a configuration found, for people, editors and CI. It holds no secret.
type Report struct {
	Config        string `json:"config"` // path
	OK            bool   `json:"ok"`
	Credentials   int    `json:"credentials"`
	Accounts      int    `json:"accounts"`
	Verifications int    `json:"verifications"`
	// Changes is what it means in the place of another one, where one was given to compare with.
	Changes *Changes `json:"changes,omitempty"`
	document.Findings

	Err     error `json:"-"` // of everything that is wrong
	Invalid bool  `json:"-"` // the configuration itself is wrong, not only what Note added
}

// Check reads a configuration, everything that it includes, and the files of certificates that it names. It needs no
// server. The configuration is nil where it cannot be used.
func Check(path string, providers Providers) (*Config, *Report) {
	r := &Report{Config: path, Findings: document.Findings{Errors: []document.Finding{}, Warnings: []document.Finding{}}}
	cfg, err := Load(path, providers)
	if err == nil {
		r.Credentials, r.Accounts, r.Verifications = cfg.Len(), len(cfg.Accounts), len(cfg.Verifications)
		r.Warn(cfg.Warnings)
		err = cfg.CheckFiles()
	}
	r.Note(err)
	r.Invalid = err != nil
	return cfg, r
}

// Note adds an error that was found besides, or those that it joins.
func (r *Report) Note(err error) {
	r.Err = errors.Join(r.Err, err)
	r.OK = r.Err == nil
	r.Findings.Note(err)
}
