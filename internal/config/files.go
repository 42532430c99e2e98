package config

import (
	"keyturn/internal/certs"
	"keyturn/internal/config/document"
)

// certificates returns the path of a PEM file, and notes it for CheckFiles.
func (l *loader) certificates(v *document.Value) string {
	path := l.file(v)
	if path == "" {
		return ""
	}
	if _, known := l.cfg.certificates[path]; !known {
		if l.cfg.certificates == nil {
			l.cfg.certificates = map[string]document.Error{}
		}
		l.cfg.certificates[path] = v.Place()
	}
	return path
}

// CheckFiles reads the files of certificates that the configuration names. Load does not: a process needs only those of
// what it connects to, and they may be replaced at any time. What is wrong is a *document.Errors.
func (c *Config) CheckFiles() error {
	problems := document.NewProblems(c.Files...)
	for path, at := range c.certificates {
		if _, err := certs.Pool(path); err != nil {
			at.Message = path + ": " + document.Cause(err).Error()
			problems.Add(&at)
		}
	}
	return problems.Err()
}
