package main

import (
	"errors"
	"fmt"

	"keyturn/internal/providers/declared"
	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/described"
)

// The ports of the files of -provider, in their order: those of stand-ins that come with keyturn end before.
const (
	firstPort = 100
	portsEach = 3
	mostFiles = 9
)

// played are the stand-ins of the providers that files describe.
func played(files []string) ([]core.StandIn, error) {
	if len(files) > mostFiles {
		return nil, fmt.Errorf("-provider: %d files, and there are ports for %d", len(files), mostFiles)
	}
	var taken []string
	for _, s := range sandbox.StandIns() {
		taken = append(taken, s.Code)
	}
	var all []core.StandIn
	var problems []error
	for i, file := range files {
		d, err := declared.ReadFile(file, taken...)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		port := firstPort + portsEach*i
		taken, all = append(taken, d.Code), append(all, described.StandIn(d, core.Ports{API: port, SMTP: port + 1}))
	}
	return all, errors.Join(problems...)
}
