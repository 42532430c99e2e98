package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// errSealed makes status exit with 2, as the official binary does.
var errSealed = errors.New("sealed")

// statusTimeout bounds a health check whose server accepts but does not answer.
const statusTimeout = 10 * time.Second

// runStatus asks a server whether it is unsealed. The address comes from -address, then VAULT_ADDR, then the
// development default: https is the official default, which a development server does not speak.
func runStatus(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	address := getenv("VAULT_ADDR")
	if address == "" {
		address = "http://127.0.0.1:8200"
	}
	flags := flag.NewFlagSet("vault status", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&address, "address", address, "`URL` of the server; VAULT_ADDR")
	if err := flags.Parse(args); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	url := strings.TrimRight(address, "/") + "/v1/sys/seal-status"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("seal status: HTTP %d", resp.StatusCode)
	}
	var status struct {
		Initialized bool   `json:"initialized"`
		Sealed      bool   `json:"sealed"`
		Version     string `json:"version"`
		StorageType string `json:"storage_type"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		return fmt.Errorf("seal status: %w", err)
	}
	fmt.Fprintf(stdout, "Initialized     %t\nSealed          %t\nVersion         %s\nStorage Type    %s\n",
		status.Initialized, status.Sealed, status.Version, status.StorageType)
	if status.Sealed {
		return errSealed
	}
	return nil
}
