package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// vault is a Vault's API as the holder of a token. Its errors show neither what was sent nor what came back.
type vault struct {
	address string
	token   string
	client  *http.Client
}

// statusError is an answer that is no success.
type statusError struct {
	path string
	code int
}

func (e *statusError) Error() string { return fmt.Sprintf("vault: %s: HTTP %d", e.path, e.code) }

// sealStatus is what anybody may ask.
type sealStatus struct {
	Initialized bool `json:"initialized"`
	Sealed      bool `json:"sealed"`
}

func (v *vault) status(ctx context.Context) (s sealStatus, err error) {
	return s, v.get(ctx, "sys/seal-status", &s)
}

func (v *vault) get(ctx context.Context, path string, answer any) error {
	return v.do(ctx, http.MethodGet, path, nil, answer)
}

// put sends body; answer may be nil.
func (v *vault) put(ctx context.Context, path string, body, answer any) error {
	return v.do(ctx, http.MethodPut, path, body, answer)
}

func (v *vault) do(ctx context.Context, method, path string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	url := strings.TrimRight(v.address, "/") + "/v1/" + path
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("X-Vault-Token", v.token)
	resp, err := v.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return &statusError{path: path, code: resp.StatusCode}
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("vault: %s: %w", path, err)
	}
	return nil
}
