package config

import (
	"errors"
	"io"
	"os"

	"keyturn/internal/config/document"
)

// longestDescription is more than any description may have, in bytes: a file that is no description is not read to its end.
const longestDescription = 1 << 20

// describe reads the providers that files describe, so that accounts can name them.
func (l *loader) describe(patterns *document.Value) {
	var described []string
	l.matching(patterns, func(_ *document.Value, name string) {
		file := l.open(name)
		text, err := readStart(name)
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

func readStart(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, longestDescription))
}
