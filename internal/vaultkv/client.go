package vaultkv

import (
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"
)

// newRoute is the way to the nodes of one store.
func newRoute(config StoreConfig) (*route, error) {
	wire, err := newWire(config.CAFile)
	if err != nil {
		return nil, err
	}
	r := &route{wire: wire}
	for _, address := range config.addresses() {
		u, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		r.addresses = append(r.addresses, u)
	}
	return r, nil
}

// newClient makes a client from config alone. Vault's own NewClient reads VAULT_TOKEN and similar variables, which on an
// operator's machine belong to another Vault. The client sends each request once; do decides what is sent again.
func newClient(config StoreConfig, pool *http.Client) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address:          config.Address,
		HttpClient:       pool,
		ReadYourWrites:   true, // Enterprise standbys answer reads, and may lag behind our own write
		DisableRedirects: true, // route follows them, to configured addresses only
	})
	if err != nil {
		return nil, err
	}
	client.ClearToken()
	client.SetMaxRetries(0)
	client.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	if config.Namespace != "" {
		client.SetNamespace(config.Namespace)
	}
	return client, nil
}

// withoutToken returns a client that shares base's connections. Its time limit is the context's.
func withoutToken(base *api.Client) (*api.Client, error) {
	client, err := base.CloneWithHeaders()
	if err != nil {
		return nil, err
	}
	client.ClearToken()
	client.SetMaxRetries(0)
	return client, nil
}
