package config

import (
	"crypto/x509"
	"errors"
	"os"
)

// certificates returns the path of a PEM file, and notes it for CheckFiles.
func (l *loader) certificates(v *value) string {
	path := l.file(v)
	if path == "" {
		return ""
	}
	if _, known := l.cfg.certificates[path]; !known {
		if l.cfg.certificates == nil {
			l.cfg.certificates = map[string]Error{}
		}
		l.cfg.certificates[path] = Error{File: v.doc.file, Line: v.at.line, Column: v.at.column, Field: v.path()}
	}
	return path
}

var errNoCertificate = errors.New("holds no PEM certificate")

// CheckFiles reads the files of certificates that the configuration names. Load does not: a process needs only those of
// what it connects to, and they may be replaced at any time. What is wrong is an *Errors.
func (c *Config) CheckFiles() error {
	problems := c.problems()
	for path, at := range c.certificates {
		pem, err := os.ReadFile(path)
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
			err = errNoCertificate
		}
		if err != nil {
			at.Message = path + ": " + cause(err).Error()
			problems.add(func() *Error { return &at })
		}
	}
	return problems.err()
}

// problems collects what is found after loading, in the order of the files.
func (c *Config) problems() *problems {
	p := &problems{}
	for _, file := range c.Files {
		p.opened(file)
	}
	return p
}
