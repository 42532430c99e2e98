package config

import (
	"cmp"
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// accountKeysFrom notes that an account's management keys are the identity of a credential, which manage looks at when all
// credentials are known.
func (l *loader) accountKeysFrom(from, keys *document.Value, a *Account) {
	a.Keys, a.KeysFrom = map[string]Source{}, from.Text()
	if keys != nil {
		keys.FailKey("leave one of the two out: a key that rotates itself lives in Vault, where the credential of keys_from is", "does not go with keys_from")
	}
	if len(a.Provider.Keys) != 2 {
		from.FailKey("use keys", "%s wants %s, and a credential has an id and a secret", a.Provider.Code, strings.Join(a.Provider.Keys, " and "))
		return
	}
	if a.KeysFrom != "" {
		l.managed[a.KeysFrom] = append(l.managed[a.KeysFrom], a)
	}
}

// manage has accounts read their management keys where the credentials of keys_from are, and refuses those that read them
// there without saying so: the key before would be disabled while they call with it.
func (l *loader) manage() {
	for _, id := range keysOf(l.managed) {
		c, known := l.cfg.Credential(id)
		for _, a := range l.managed[id] {
			l.manageAccount(a, id, c, known)
		}
	}
	places := map[rotation.Place][]*Account{}
	for _, name := range keysOf(l.cfg.Accounts) {
		a := l.cfg.Accounts[name]
		if a.KeysFrom != "" {
			continue
		}
		for _, source := range a.Keys {
			if place := (rotation.Place{Store: source.Vault.Store, Path: source.Vault.Path}); place.Path != "" {
				places[place] = append(places[place], a)
			}
		}
	}
	if len(places) == 0 {
		return
	}
	for c := range l.cfg.Credentials() {
		for _, a := range slices.Compact(places[c.Place]) {
			if c.Overlap != nil && l.keyed(c) {
				l.accountValues[a].FailIn("keys", "say keys_from: "+c.ID+" in place of keys", "stand where credential %q is written, which rotates them", c.ID)
			}
		}
	}
}

// keyed reports whether a credential's identities are management keys.
func (l *loader) keyed(c *rotation.Credential) bool {
	provider := l.cfg.Accounts[c.Account].Provider
	return provider != nil && provider.Overlaps != nil && provider.Overlaps.Keys
}

// keyProviders are the providers whose identities are management keys.
func (l *loader) keyProviders() []string {
	return slices.DeleteFunc(keysOf(l.providers), func(code string) bool {
		o := l.providers[code].Overlaps
		return o == nil || !o.Keys
	})
}

func (l *loader) manageAccount(a *Account, id string, c *rotation.Credential, known bool) {
	at := l.accountValues[a]
	switch {
	case !known:
		at.FailIn("keys_from", "the id of a credential with strategy: overlap", "there is no credential %q", id)
		return
	case c.Overlap == nil || !l.keyed(c):
		at.FailIn("keys_from", "name a credential of "+strings.Join(l.keyProviders(), " or "), "credential %q is no access key that can be disabled before it is deleted", id)
		return
	}
	names := l.cfg.Stores[c.Place.Store]
	if names == nil {
		return
	}
	for i, field := range []string{cmp.Or(names.Fields.Username, "username"), cmp.Or(names.Fields.Password, "password")} {
		a.Keys[a.Provider.Keys[i]] = Source{Vault: VaultRef{Store: c.Place.Store, Path: c.Place.Path, Field: field}, pos: at.Place()}
	}
}
