package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// role is the AppRole of keyturn's processes, and its role_id, which is no secret.
const role = "keyturn"

// versions is how many versions of a secret are kept: the least that keyturn starts with.
const versions = 10

// prepare makes what is missing. A second run changes nothing.
func (s *setup) prepare(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.makeRedis, s.makeMounts, s.makeRole, s.makeSandboxKeys, s.makeConsoleToken, s.makeSecretID} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *setup) makeMounts(ctx context.Context) error {
	for _, mount := range []string{"secret", "keyturn-journal"} {
		err := s.enable(ctx, "sys/mounts", mount, map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
		if err != nil {
			return err
		}
		// A fresh mount refuses this for a moment, while it turns into version 2: the next look tries again.
		if err := s.vault.put(ctx, mount+"/config", map[string]int{"max_versions": versions}, nil); err != nil {
			return err
		}
	}
	return nil
}

// enable makes a mount or an auth method, if there is none at its path.
func (s *setup) enable(ctx context.Context, kind, path string, body any) error {
	var existing struct {
		Data map[string]any `json:"data"`
	}
	if err := s.vault.get(ctx, kind, &existing); err != nil {
		return err
	}
	if _, exists := existing.Data[path+"/"]; exists {
		return nil
	}
	return s.vault.put(ctx, kind+"/"+path, body, nil)
}

// makeRole makes one role that has every policy in the folder. Worker and scheduler share a configuration here, and so
// a role; deploy/vault tells how to give each its own.
func (s *setup) makeRole(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(s.policies, "*.hcl"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no policies in %s", s.policies)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".hcl")
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := s.vault.put(ctx, "sys/policies/acl/"+names[i], map[string]string{"policy": string(text)}, nil); err != nil {
			return err
		}
	}
	if err := s.enable(ctx, "sys/auth", "approle", map[string]string{"type": "approle"}); err != nil {
		return err
	}
	path := "auth/approle/role/" + role
	err = s.vault.put(ctx, path, map[string]any{
		"token_policies": names, "token_no_default_policy": true, "token_ttl": "1h", "token_max_ttl": "24h",
	}, nil)
	if err != nil {
		return err
	}
	return s.vault.put(ctx, path+"/role-id", map[string]string{"role_id": role}, nil)
}

// makeSecretID gives keyturn its login, once.
func (s *setup) makeSecretID(ctx context.Context) error {
	if _, err := os.Stat(s.secretID); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var made struct {
		Data struct {
			SecretID string `json:"secret_id"`
		} `json:"data"`
	}
	if err := s.vault.put(ctx, "auth/approle/role/"+role+"/secret-id", struct{}{}, &made); err != nil {
		return err
	}
	return writeFile(s.secretID, []byte(made.Data.SecretID), private)
}

// makeConsoleToken makes a token for the console, once. The console itself is given the digest alone.
func (s *setup) makeConsoleToken(context.Context) error {
	if s.digest == "" {
		return nil
	}
	token, err := made(s.token)
	if err != nil {
		return err
	}
	return writeFile(s.digest, fmt.Appendf(nil, "%x\n", sha256.Sum256(token)), private)
}
