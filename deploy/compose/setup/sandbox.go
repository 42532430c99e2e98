package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// managementKey is a pair of management keys, as the sandbox spells it and as it stands in Vault.
type managementKey struct {
	ID     string `json:"id"     yaml:"id"`
	Secret string `json:"secret" yaml:"secret"`
}

// makeSandboxKeys makes a pair of keys for every provider in the sandbox's data file, puts it into Vault and into
// files, where keyturn reads it, and into the copy of that file that the sandbox reads.
func (s *setup) makeSandboxKeys(ctx context.Context) error {
	if s.targets == "" {
		return nil
	}
	text, err := os.ReadFile(s.targets)
	if err != nil {
		return err
	}
	var data struct {
		Providers map[string]map[string]any `yaml:"providers"`
	}
	if err := yaml.Unmarshal(text, &data); err != nil {
		return fmt.Errorf("%s: %w", s.targets, err)
	}
	for code, provider := range data.Providers {
		key, err := s.managementKey(ctx, "secret/data/keyturn/"+code)
		if err != nil {
			return err
		}
		provider["keys"] = []managementKey{key}
		for part, text := range map[string]string{"id": key.ID, "secret": key.Secret} {
			if err := writeFile(filepath.Join(filepath.Dir(s.sandbox), code+"-"+part), []byte(text), private); err != nil {
				return err
			}
		}
	}
	text, err = yaml.Marshal(data)
	if err != nil {
		return err
	}
	return writeFile(s.sandbox, text, private)
}

// managementKey reads a pair of keys, or makes it.
func (s *setup) managementKey(ctx context.Context, path string) (managementKey, error) {
	var kept struct {
		Data struct {
			Data managementKey `json:"data"`
		} `json:"data"`
	}
	err := s.vault.get(ctx, path, &kept)
	var missing *statusError
	if !errors.As(err, &missing) || missing.code != http.StatusNotFound {
		return kept.Data.Data, err
	}
	key := managementKey{ID: rand.Text(), Secret: rand.Text()}
	return key, s.vault.put(ctx, path, map[string]any{"options": map[string]int{"cas": 0}, "data": key}, nil)
}
