package config

import (
	"errors"
	"os"

	"keyturn/internal/config/document"
)

// describe reads the providers that files describe, so that accounts can name them.
func (l *loader) describe(patterns *document.Value) {
	var described []string
	l.matching(patterns, func(_ *document.Value, name string) {
		file := l.open(name)
		text, err := os.ReadFile(name)
		if err != nil {
			file.FailRead(err)
			return
		}
		p, err := l.cfg.origin.providers.Describe(name, text, described...)
		if wrong := (*document.Errors)(nil); errors.As(err, &wrong) {
			for _, one := range wrong.List {
				l.problems.Add(one)
			}
			return
		}
		described = append(described, p.Code)
		l.providers[p.Code] = &p
	})
}
