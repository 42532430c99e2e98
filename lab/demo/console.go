package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"keyturn/internal/devenv"
)

// site is the demo's console. Its token is made for this demo alone.
type site struct {
	token   string
	url     string
	program *devenv.Program
}

func newSite() site { return site{token: rand.Text()} }

// ConsoleDigest is what the configuration has of the token.
func (s *stage) ConsoleDigest() string {
	sum := sha256.Sum256([]byte(s.console.token))
	return hex.EncodeToString(sum[:])
}

var errNoAddress = errors.New("the console did not say where it is served")

// openConsole starts the console and tells where it is.
func (s *stage) openConsole(ctx context.Context) error {
	program, err := s.Launch(ctx, devenv.Launch{Program: "console"})
	if err != nil {
		return err
	}
	s.console.program = program
	text, err := os.ReadFile(program.Log)
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var line struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "console" {
			s.console.url = line.URL
		}
	}
	if s.console.url == "" {
		return errNoAddress
	}
	fmt.Printf("demo: the console is at %s, the token for its login is %s\n", s.console.url, s.console.token)
	return nil
}

func (s *stage) closeConsole() error {
	if s.console.program == nil {
		return nil
	}
	return s.console.program.Stop()
}
