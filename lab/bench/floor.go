package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"keyturn/internal/rotation"
)

// floor is what a rotation cannot do without, and nothing else: read journal and current, put the journal, call the
// provider, put current, put the journal closed. Plain HTTP with pooled connections, no queue, no index, no limiter, no
// check of anything.
type floor struct {
	*rig
	client      *http.Client
	readJournal bool // false leaves out what finds a crash's remains: no rotation is safe without it
}

func newFloor(r *rig, atOnce int) *floor {
	return &floor{rig: r, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, Timeout: 10 * time.Second}}
}

// run rotates the credentials from first up to end.
func (f *floor) run(ctx context.Context, first, end, atOnce int) error {
	return each(ctx, end-first, atOnce, func(ctx context.Context, i int) error { return f.rotate(ctx, first+i) })
}

var errCredential = errors.New("not in the configuration")

func (f *floor) rotate(ctx context.Context, i int) error {
	cred, ok := f.cfg.Credential(f.id(i))
	if !ok {
		return errCredential
	}
	password, err := f.engine.Machine.Generate(cred.Policy, cred.Target)
	if err != nil {
		return err
	}
	current, journal := "secret/data/"+cred.Place.Path, "keyturn-journal/data/floor/"+cred.ID
	if f.readJournal {
		if err := f.ask(ctx, http.MethodGet, journal, nil, nil); err != nil {
			return err
		}
	}
	var stands struct {
		Data struct {
			Data     map[string]any `json:"data"`
			Metadata struct {
				Version int `json:"version"`
			} `json:"metadata"`
		} `json:"data"`
	}
	if err := f.ask(ctx, http.MethodGet, current, nil, &stands); err != nil {
		return err
	}
	id, now := f.engine.Machine.NewID(), time.Now()
	open := map[string]any{
		"schema": rotation.Schema, "state": "open", "rotation_id": id, "slot": now, "opened_at": now, "target": cred.Target, "path": cred.Place.Path,
		"candidates": []map[string]any{{"number": 1, "value": password.Reveal(), "state": "staged", "at": now}},
	}
	if err := f.put(ctx, journal, 0, open); err != nil {
		return err
	}
	if err := f.subjects.Client(cred.Account).Setter.Set(ctx, cred.Target, password); err != nil {
		return err
	}
	next := stands.Data.Data
	next["password"], next["keyturn_rotation_id"], next["keyturn_slot"], next["keyturn_rotated_at"] = password.Reveal(), id, now, now
	if err := f.put(ctx, current, stands.Data.Metadata.Version, next); err != nil {
		return err
	}
	return f.put(ctx, journal, 1, map[string]any{"schema": rotation.Schema, "state": "closed", "rotation_id": id, "slot": now, "opened_at": now})
}

func (f *floor) put(ctx context.Context, path string, cas int, data any) error {
	body, err := json.Marshal(map[string]any{"options": map[string]int{"cas": cas}, "data": data})
	if err != nil {
		return err
	}
	return f.ask(ctx, http.MethodPut, path, body, nil)
}

func (f *floor) ask(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, f.lab.Vault.Addr+"/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Vault-Token", f.lab.Vault.Token)
	res, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusNotFound && into == nil && method == http.MethodGet {
		return nil // no journal yet
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: HTTP %d", method, path, res.StatusCode)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// each calls do for 0 up to n, so many at once.
func each(ctx context.Context, n, atOnce int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(atOnce, n) {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
