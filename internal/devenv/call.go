package devenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrMissing is what Vault answers where there is nothing.
var ErrMissing = errors.New("HTTP 404")

// callTimeout is patient: one slow answer of a loaded machine must not end a long run.
const callTimeout = 30 * time.Second

// call sends JSON, unless body is nil, and decodes the answer, unless that is nil. token is Vault's. Neither token, body
// nor answer appears in an error.
func call(ctx context.Context, method, url, token string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
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
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", method, url, ErrMissing)
	case res.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: HTTP %d", method, url, res.StatusCode)
	case answer == nil:
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
		return fmt.Errorf("%s %s: not the answer that was expected", method, url)
	}
	return nil
}

// Until repeats a step until it returns no error, for as long as limit; then it returns the last one.
func Until(ctx context.Context, limit time.Duration, step func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := step()
		if err == nil {
			return nil
		}
		if ended := Pause(ctx, 20*time.Millisecond); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// Pause waits, or returns why ctx ended.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
