package vaultkv

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Token is what Vault says of the token that a store is asked with. It holds neither the token nor its accessor.
type Token struct {
	Left      time.Duration // 0: it has no end
	Renewable bool
	Period    time.Duration // each renewal gives it so long again; 0: only until a limit
	Most      time.Duration // how long renewals can keep it alive, where that limit is its own; 0: Vault does not say
	Uses      int           // how many requests it is good for; 0: any number
	Default   bool          // it carries the default policy
}

// Token looks the token of a store up, and logs in first.
func (v *Vault) Token(ctx context.Context, name string) (Token, error) {
	s, err := v.store(name)
	if err != nil {
		return Token{}, err
	}
	var said struct {
		TTL       json.Number `json:"ttl"`
		Period    json.Number `json:"period"`
		Created   json.Number `json:"creation_time"` // unix
		Expires   *time.Time  `json:"expire_time"`
		Max       json.Number `json:"explicit_max_ttl"`
		Renewable bool        `json:"renewable"`
		Uses      int         `json:"num_uses"`
		Policies  []string    `json:"policies"`
	}
	if _, err := s.get(ctx, opRead, "auth/token/lookup-self", nil, &said); err != nil {
		return Token{}, err
	}
	t := Token{
		Left: seconds(said.TTL), Period: seconds(said.Period), Renewable: said.Renewable, Uses: said.Uses,
		Default: slices.Contains(said.Policies, "default"),
	}
	if most := seconds(said.Max); most > 0 && said.Expires != nil {
		// All three are by Vault's clock.
		last := time.Unix(0, 0).Add(seconds(said.Created) + most)
		t.Most = t.Left + max(0, last.Sub(*said.Expires))
	}
	return t, nil
}

// seconds reads a number of seconds; 0 where there is none.
func seconds(n json.Number) time.Duration {
	whole, err := n.Int64()
	if err != nil {
		return 0
	}
	return time.Duration(whole) * time.Second
}
