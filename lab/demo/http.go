package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

var httpClient = &http.Client{Timeout: 5 * time.Second}

// getJSON reads JSON from a server of the demo; token is Vault's, if it is Vault.
func getJSON(ctx context.Context, url, token string, into any) error {
	return call(ctx, http.MethodGet, url, token, nil, into)
}

func postJSON(ctx context.Context, url string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return call(ctx, http.MethodPost, url, "", text, nil)
}

func call(ctx context.Context, method, url, token string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
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
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: HTTP %d", method, url, res.StatusCode)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
