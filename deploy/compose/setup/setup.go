package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// setup is what one Vault is to become.
type setup struct {
	vault    *vault
	log      *slog.Logger
	keys     string // file of the unseal key and the root token
	secretID string // file of the AppRole's secret_id; written last, so that it tells that all is prepared
	token    string // file of the console's token
	digest   string // file of its SHA-256, "" for no console
	policies string // folder
	targets  string // file, "" for no sandbox
	sandbox  string // file; the keys of each provider are beside it
	redis    redisFiles
	prepared bool
}

// keys open a Vault. Nothing else does.
type keys struct {
	UnsealKey string `json:"unseal_key"`
	RootToken string `json:"root_token"`
}

// tend brings Vault one look closer to being ready. It may be called again at any time, whatever became of the last.
func (s *setup) tend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, err := s.vault.status(ctx)
	if err != nil {
		return err
	}
	if !status.Initialized {
		if err := s.initialise(ctx); err != nil {
			return err
		}
		status.Sealed = true
	}
	k, err := s.load()
	if err != nil {
		return err
	}
	s.vault.token = k.RootToken
	if status.Sealed {
		if err := s.vault.put(ctx, "sys/unseal", map[string]string{"key": k.UnsealKey}, nil); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "unsealed")
	}
	if s.prepared {
		return nil
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.prepared = true
	s.log.InfoContext(ctx, "prepared")
	return nil
}

// healthy tells whether others may start.
func (s *setup) healthy(ctx context.Context) error {
	status, err := s.vault.status(ctx)
	if err != nil {
		return err
	}
	if status.Sealed {
		return errors.New("vault is sealed")
	}
	for _, written := range []string{s.redis.acl(), s.secretID} {
		if _, err := os.Stat(written); err != nil {
			return err
		}
	}
	return nil
}

// initialise makes a new Vault's keys and keeps them. Whatever was kept belongs to a Vault that is gone.
func (s *setup) initialise(ctx context.Context) error {
	s.prepared = false
	if err := os.Remove(s.secretID); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// Vault tells its keys once: find out before that whether they can be kept.
	if err := writeFile(s.keys, nil, private); err != nil {
		return err
	}
	var made struct {
		Keys      []string `json:"keys_base64"`
		RootToken string   `json:"root_token"`
	}
	err := s.vault.put(ctx, "sys/init", map[string]int{"secret_shares": 1, "secret_threshold": 1}, &made)
	if err != nil {
		return err
	}
	if len(made.Keys) != 1 {
		return fmt.Errorf("vault made %d unseal keys, not one", len(made.Keys))
	}
	data, err := json.Marshal(keys{UnsealKey: made.Keys[0], RootToken: made.RootToken})
	if err != nil {
		return err
	}
	s.log.InfoContext(ctx, "initialised")
	return writeFile(s.keys, data, private)
}

func (s *setup) load() (k keys, err error) {
	data, err := os.ReadFile(s.keys)
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	if err != nil {
		return keys{}, fmt.Errorf("the keys of this vault are lost, remove its volume as well: %w", err)
	}
	return k, nil
}

// Who may read a file.
const (
	private os.FileMode = 0o600 // keyturn's user
	shared  os.FileMode = 0o640 // and the group, as which Redis runs
)

// made reads a secret text, or makes it.
func made(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		text = []byte(rand.Text())
		err = writeFile(name, text, private)
	}
	return text, err
}

// writeFile replaces a file, so that neither a reader nor a crash sees half of it.
func writeFile(name string, data []byte, mode os.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
