package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// httpClient is patient: one slow answer of a loaded machine must not end a long run.
var httpClient = &http.Client{Timeout: 30 * time.Second}

// errMissing is what Vault answers where there is nothing.
var errMissing = errors.New("HTTP 404")

// getJSON reads JSON; token is Vault's, if it is Vault.
func getJSON(ctx context.Context, url, token string, into any) error {
	return call(ctx, http.MethodGet, url, token, nil, into)
}

func call(ctx context.Context, method, url, token string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	res, err := httpClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", method, url, errMissing)
	case res.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: HTTP %d", method, url, res.StatusCode)
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}
