package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// vault reads what programs read. Its errors show neither what was sent nor what came back.
type vault struct {
	address string
	token   string
}

// secret is what stands in Vault for a credential.
type secret struct {
	Username string `json:"username"`
	Password string `json:"password"`
	version  int
}

func (v *vault) logIn(ctx context.Context, roleID, secretID string) error {
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	body := map[string]string{"role_id": roleID, "secret_id": secretID}
	err := v.ask(ctx, http.MethodPost, "auth/approle/login", body, &made)
	v.token = made.Auth.Token
	return err
}

func (v *vault) current(ctx context.Context, path string) (secret, error) {
	var read struct {
		Data struct {
			Data     secret `json:"data"`
			Metadata struct {
				Version int `json:"version"`
			} `json:"metadata"`
		} `json:"data"`
	}
	err := v.ask(ctx, http.MethodGet, "secret/data/"+path, nil, &read)
	read.Data.Data.version = read.Data.Metadata.Version
	return read.Data.Data, err
}

func (v *vault) ask(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, v.address+"/v1/"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("X-Vault-Token", v.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("vault: %s: HTTP %d", path, response.StatusCode)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
