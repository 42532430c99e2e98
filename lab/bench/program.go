package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"keyturn/internal/devenv"
)

// run starts a program on a fleet and waits until path answers with 200.
func (f *fleet) run(ctx context.Context, name, path string) (*devenv.Program, error) {
	return f.Launch(ctx, devenv.Launch{Program: name, Ready: path, Log: f.file(name + ".log")})
}

// rotations is how many rotations a worker says that it has ended.
func rotations(ctx context.Context, p *devenv.Program) (total float64, err error) {
	status, text, err := p.Get(ctx, "/metrics")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("/metrics: HTTP %d", status)
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "keyturn_rotations_total{") {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, '}')+1:]), 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
