package config

import (
	"strconv"
	"strings"

	"keyturn/internal/rotation"
)

// rawCredential is a credential before its account is known.
type rawCredential struct {
	at                                  *value
	id, account, target, path, username *value
	layer
}

var credentialFields = fields[rawCredential]{
	{"id", func(_ *loader, c *rawCredential, v *value) { c.id = v }},
	{"account", func(_ *loader, c *rawCredential, v *value) { c.account = v }},
	{"target", func(_ *loader, c *rawCredential, v *value) { c.target = v }},
	{"path", func(_ *loader, c *rawCredential, v *value) { c.path = v }},
	{"username", func(_ *loader, c *rawCredential, v *value) { c.username = v }},
	{"store", func(_ *loader, c *rawCredential, v *value) { c.store = v }},
	{"policy", func(_ *loader, c *rawCredential, v *value) { c.policy = v }},
	{"schedule", func(_ *loader, c *rawCredential, v *value) { c.schedule = v }},
	{"verify", func(_ *loader, c *rawCredential, v *value) { c.verify = v }},
	{"first", func(_ *loader, c *rawCredential, v *value) { c.first = v }},
}

// credential adds one credential. It is the hot path of a large inventory: nothing of v is kept, and what many
// credentials have in common is shared.
func (l *loader) credential(v *value) {
	if !v.is(object) {
		return
	}
	raw := rawCredential{at: v}
	credentialFields.decode(l, v, &raw)
	v.require("id", "account", "target", "path")
	if raw.id == nil || raw.account == nil || raw.target == nil || raw.path == nil {
		return
	}
	c := rotation.Credential{ID: raw.id.string(), Target: raw.target.string()}
	c.Place.Path = l.vaultPath(raw.path)
	if c.ID != "" && !rotation.ValidID(c.ID) {
		raw.id.fail(`1 to 128 of a-z, 0-9 and "._-@"`, "%q is not a valid id", c.ID)
	}
	if raw.username != nil {
		c.Username = raw.username.string()
	}
	account := l.accountName(raw.account)
	if account == nil {
		return
	}
	c.Account = account.Name
	l.resolve(&raw, &c, account)
	l.keep(&raw, c)
}

// accountName returns the account that v names, or nil after an error: here, or earlier in the account itself.
func (l *loader) accountName(v *value) *Account {
	name := v.string()
	account, ok := l.cfg.Accounts[name]
	switch {
	case !ok && name != "":
		v.fail(nearest(name, keysOf(l.cfg.Accounts)), "unknown account %q", name)
		return nil
	case !ok || account.Provider == nil:
		return nil
	}
	return account
}

// resolve fills in what depends on the account.
func (l *loader) resolve(raw *rawCredential, c *rotation.Credential, account *Account) {
	provider := account.Provider
	if provider.Mode == rotation.ModeContacts {
		raw.account.fail("use verifications", "%s rotates nothing", provider.Code)
		return
	}
	if c.Target != "" {
		canonical, err := provider.CheckTarget(c.Target)
		if err != nil {
			raw.target.fail("", "%v", err)
		}
		c.Target = canonical
	}
	all := l.inherit(l.inherits[account], raw.layer, provider)
	if provider.Mode == rotation.ModeSetter {
		c.Policy = l.resolvePolicy(all.policy, provider)
	}
	c.First = all.first
	if all.schedule != nil {
		c.Schedule = all.schedule.parsed
	} else {
		raw.at.failIn("schedule", "give it here, at the account or under defaults", "is missing")
	}
	if all.store == "" && raw.store == nil && len(l.cfg.Stores) > 0 {
		raw.at.failIn("store", "name one here, at the account, under defaults or as vault.default", "is missing")
	}
	c.Place.Store = all.store
	l.checkBelow(raw.path, c.Place.Path, l.cfg.Stores[all.store])
	c.Verify = l.finishVerify(raw, account, all.verify)
}

// keep adds c unless its id, target or place is taken.
func (l *loader) keep(raw *rawCredential, c rotation.Credential) {
	in := &l.cfg.credentials
	idHash := hash(c.ID, "")
	if i, found := in.ids.find(idHash, func(i uint32) bool { return in.at(i).ID == c.ID }); found {
		raw.id.fail("", "%q is already used at %s", c.ID, l.where(i))
		return
	}
	account, store := l.cfg.Accounts[c.Account], l.cfg.Stores[c.Place.Store]
	// One name may stand for different things in two regions: they are separate services. Case tells no two of them apart: it
	// stays because a provider may ask for it, but an operator who writes a@ and A@ means one mailbox.
	targetHash := hash(strings.ToLower(c.Target), account.Provider.Code+account.Region)
	if i, found := l.targets.find(targetHash, func(i uint32) bool {
		other := l.cfg.Accounts[in.at(i).Account]
		return strings.EqualFold(in.at(i).Target, c.Target) && other.Provider == account.Provider && other.Region == account.Region
	}); found && c.Target != "" {
		raw.target.fail("", "%s is rotated by %q too, at %s", c.Target, in.at(i).ID, l.where(i))
	}
	placeHash := uint32(0)
	if store != nil {
		placeHash = hash(c.Place.Path, store.location)
		if i, found := l.places.find(placeHash, func(i uint32) bool {
			return in.at(i).Place.Path == c.Place.Path && l.cfg.Stores[in.at(i).Place.Store].location == store.location
		}); found {
			raw.path.fail("", "%s is written by %q too, at %s", c.Place.Path, in.at(i).ID, l.where(i))
		}
	}
	n := in.push(entry{Credential: l.share(idHash, &c), file: l.current, line: uint32(raw.at.at.line)}) //nolint:gosec // a line
	in.ids.insert(idHash, n)
	l.targets.insert(targetHash, n)
	l.places.insert(placeHash, n)
}

// share returns c to keep. What the configuration before holds of it already is used again, because both are in memory
// until the new one is in force.
func (l *loader) share(idHash uint32, c *rotation.Credential) *rotation.Credential {
	was, ok := l.before.credentials.byHash(idHash, c.ID)
	switch {
	case ok && l.same.credentials(was.Credential, c):
		return was.Credential
	case ok && was.Target == c.Target && was.Place.Path == c.Place.Path && was.Username == c.Username:
		c.ID, c.Target, c.Place.Path, c.Username = was.ID, was.Target, was.Place.Path, was.Username
	default:
		compact(c)
	}
	kept := *c
	return &kept
}

// where says where the credential of a number stands.
func (l *loader) where(number uint32) string {
	e := l.cfg.credentials.at(number)
	return l.cfg.Files[e.file] + ":" + strconv.Itoa(int(e.line))
}

// compact moves the texts of c that are its own into one block, away from the line that they were cut from: a million
// lines would stay in memory otherwise.
func compact(c *rotation.Credential) {
	username := c.Username
	if username == c.Target {
		username = ""
	}
	block := strings.Join([]string{c.ID, c.Target, c.Place.Path, username}, "")
	take := func(s string) string {
		part := block[:len(s)]
		block = block[len(s):]
		return part
	}
	c.ID, c.Target, c.Place.Path = take(c.ID), take(c.Target), take(c.Place.Path)
	if username != "" {
		c.Username = take(username)
	} else if c.Username != "" {
		c.Username = c.Target
	}
}
