package devenv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Stage is what keyturn's own programs run on: servers, a folder with their configuration, and the environment that they
// read their keys from. It shares no code with what it runs: it reads Vault and logs in as any program could.
type Stage struct {
	Dir string   // keyturn.yaml, vault-token, logs
	Bin string   // folder of the programs; those on PATH if empty
	Env []string // KEY=value, of the programs that are started from then on

	Redis *Redis
	Vault *Vault
	Box   *Sandbox
}

// StageOptions says what Raise starts.
type StageOptions struct {
	Redis   *RedisOptions // none if nil
	Vault   VaultOptions
	Sandbox []string // arguments of cmd/sandbox
}

// Raise builds keyturn's programs into Dir/bin, starts the servers, and leaves Vault's root token in Dir/vault-token. What
// was started is stopped again if anything fails.
func (s *Stage) Raise(ctx context.Context, opts StageOptions) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Strike())
		}
	}()
	s.Bin = filepath.Join(s.Dir, "bin")
	if err := Build(ctx, s.Bin, "./cmd/worker", "./cmd/scheduler", "./cmd/rotatectl", "./cmd/console", "./cmd/sandbox"); err != nil {
		return err
	}
	if opts.Redis != nil {
		if s.Redis, err = StartRedis(ctx, *opts.Redis); err != nil {
			return err
		}
	}
	if s.Vault, err = StartVault(ctx, opts.Vault); err != nil {
		return err
	}
	if _, err := s.WriteFile("vault-token", s.Vault.Token); err != nil {
		return err
	}
	s.Box, err = s.StartSandbox(ctx, opts.Sandbox...)
	return err
}

// Strike stops the servers, the last one first.
func (s *Stage) Strike() error {
	var problems []error
	if s.Box != nil {
		problems = append(problems, s.Box.Stop())
	}
	if s.Vault != nil {
		problems = append(problems, s.Vault.Stop())
	}
	if s.Redis != nil {
		problems = append(problems, s.Redis.Stop())
	}
	return errors.Join(problems...)
}

// Config is the path of keyturn.yaml.
func (s *Stage) Config() string { return filepath.Join(s.Dir, "keyturn.yaml") }

// Configure replaces keyturn.yaml.
func (s *Stage) Configure(text *template.Template, values any) error {
	var out strings.Builder
	if err := text.Execute(&out, values); err != nil {
		return err
	}
	_, err := s.WriteFile("keyturn.yaml", out.String())
	return err
}

// WriteFile replaces a file in Dir in one step, because running programs read it again when it changes, and returns its
// path.
func (s *Stage) WriteFile(name, text string) (path string, err error) {
	path = filepath.Join(s.Dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return "", err
	}
	return path, os.Rename(path+".new", path)
}
