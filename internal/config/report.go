package config

import (
	"errors"

	"keyturn/internal/rotation"
)

// Report is what a check of a configuration found, for people, editors and CI. It holds no secret.
type Report struct {
	Config        string    `json:"config"` // path
	OK            bool      `json:"ok"`
	Credentials   int       `json:"credentials"`
	Accounts      int       `json:"accounts"`
	Verifications int       `json:"verifications"`
	Total         int       `json:"total_errors"` // those that are left out of Errors too
	Errors        []Finding `json:"errors"`
	Warnings      []Finding `json:"warnings"`

	Err     error `json:"-"` // of everything that is wrong
	Invalid bool  `json:"-"` // the configuration itself is wrong, not only what Note added
}

// Severity is how bad a Finding is.
type Severity string

// The severities. A warning is about what is legal but surely not meant.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is one error or warning, with its place where it has one.
type Finding struct {
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Field    string   `json:"field,omitempty"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`

	Placed *Error `json:"-"` // nil where it has no place
}

// Check reads a configuration, everything that it includes, and the files of certificates that it names. It needs no
// server. The configuration is nil where it cannot be used.
func Check(path string, providers []rotation.Provider) (*Config, *Report) {
	r := &Report{Config: path, Errors: []Finding{}, Warnings: []Finding{}}
	cfg, err := Load(path, providers)
	if err == nil {
		r.Credentials, r.Accounts, r.Verifications = cfg.Len(), len(cfg.Accounts), len(cfg.Verifications)
		r.warn(cfg.Warnings)
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
	r.add(err)
}

func (r *Report) warn(list []*Error) {
	for _, e := range list {
		r.Warnings = append(r.Warnings, placed(e, SeverityWarning))
	}
}

// add takes an error apart into the errors that it joins.
func (r *Report) add(err error) {
	switch err := err.(type) { //nolint:errorlint // each layer is looked at, not what it wraps
	case nil:
	case *Errors:
		for _, e := range err.List {
			r.Errors = append(r.Errors, placed(e, SeverityError))
		}
		r.Total += err.Total
		r.warn(err.Warnings)
	case *Error:
		r.Errors = append(r.Errors, placed(err, SeverityError))
		r.Total++
	case interface{ Unwrap() []error }:
		for _, part := range err.Unwrap() {
			r.add(part)
		}
	default:
		r.Errors = append(r.Errors, Finding{Severity: SeverityError, Message: err.Error()})
		r.Total++
	}
}

func placed(e *Error, severity Severity) Finding {
	return Finding{
		File: e.File, Line: e.Line, Column: e.Column, Field: e.Field, Severity: severity, Message: e.Message, Hint: e.Hint, Placed: e,
	}
}
