package vaultkv

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"keyturn/internal/rotation"
)

// Health is what one node says of itself to anyone.
type Health struct {
	Address     string
	Initialized bool
	Sealed      bool
	Standby     bool
	Version     string
	Cluster     string    // its id; "" of a sealed node, which does not know it
	Date        time.Time // by the node's clock, to the second, cut off; zero where it does not say
	Asked       time.Time // by ours
	Trip        time.Duration
	Err         error // why the node did not answer; then nothing else is set
}

// maxHealth bounds the answer, which has some ten numbers and names.
const maxHealth = 64 << 10

// Healths asks every node of a store, all at the same time and without a token. It needs no login.
func (v *Vault) Healths(ctx context.Context, name string) ([]Health, error) {
	s, err := v.store(name)
	if err != nil {
		return nil, err
	}
	return s.healths(ctx), nil
}

// healths asks all at the same time: a node that is away takes as long as a call may, and several together no longer.
func (s *store) healths(ctx context.Context) []Health {
	all := make([]Health, len(s.route.addresses))
	var group sync.WaitGroup
	for i, address := range s.route.addresses {
		group.Go(func() {
			h, err := s.health(ctx, address)
			if err != nil {
				h = Health{Err: explain(s.name, opRead, "sys/health", err)}
			}
			h.Address = address.String()
			all[i] = h
		})
	}
	group.Wait()
	return all
}

// checkNodes finds an address that leads to another cluster, where each would have journals of its own. A node that is away or
// sealed says nothing, and may come back.
func (s *store) checkNodes(ctx context.Context) error {
	if len(s.route.addresses) == 1 {
		return nil
	}
	var first Health
	for _, h := range s.healths(ctx) {
		switch {
		case h.Cluster == "":
		case first.Cluster == "":
			first = h
		case h.Cluster != first.Cluster:
			return s.problem("%s is a node of another cluster than %s: addresses are of one cluster, which shares what is written to it; "+
				"make another one a store of its own", h.Address, first.Address)
		}
	}
	return nil
}

// health asks past the route, which would go to another node where this one is away. The answer's status says how the node
// is, and so does its body.
func (s *store) health(ctx context.Context, address *url.URL) (Health, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.JoinPath("/v1/sys/health").String(), http.NoBody)
	if err != nil {
		return Health{}, err
	}
	var h Health
	h.Asked = rotation.WallClock{}.Now()
	resp, err := s.route.wire.transport().RoundTrip(req)
	if err != nil {
		return Health{}, err
	}
	defer resp.Body.Close()
	h.Trip = rotation.WallClock{}.Now().Sub(h.Asked)
	h.Date, _ = http.ParseTime(resp.Header.Get("Date"))
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxHealth))
	if err != nil {
		return Health{}, err
	}
	var said struct {
		Initialized *bool  `json:"initialized"`
		Sealed      bool   `json:"sealed"`
		Standby     bool   `json:"standby"`
		Version     string `json:"version"`
		Cluster     string `json:"cluster_id"`
	}
	if json.Unmarshal(text, &said) != nil || said.Initialized == nil {
		return Health{}, fmt.Errorf("HTTP %d is %w", resp.StatusCode, errNoVault)
	}
	h.Initialized, h.Sealed, h.Standby, h.Version, h.Cluster = *said.Initialized, said.Sealed, said.Standby, said.Version, said.Cluster
	return h, nil
}
