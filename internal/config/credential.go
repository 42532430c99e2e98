package config

import (
	"strconv"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/config/inventory"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// rawCredential is a credential before its account is known.
type rawCredential struct {
	at                                  *document.Value
	id, account, target, path, username *document.Value
	strategy, targets                   *document.Value
	exclusive, label                    *document.Value
	layer
	marks *rotation.Marks // with those of its account
	told  []Notify        // after a rotation
}

var credentialFields = fields[rawCredential]{
	{"id", func(_ *loader, c *rawCredential, v *document.Value) { c.id = v }},
	{"account", func(_ *loader, c *rawCredential, v *document.Value) { c.account = v }},
	{"target", func(_ *loader, c *rawCredential, v *document.Value) { c.target = v }},
	{"path", func(_ *loader, c *rawCredential, v *document.Value) { c.path = v }},
	{"username", func(_ *loader, c *rawCredential, v *document.Value) { c.username = v }},
	{"strategy", func(_ *loader, c *rawCredential, v *document.Value) { c.strategy = v }},
	{"targets", func(_ *loader, c *rawCredential, v *document.Value) { c.targets = v }},
	{"exclusive", func(_ *loader, c *rawCredential, v *document.Value) { c.exclusive = v }},
	{"label", func(_ *loader, c *rawCredential, v *document.Value) { c.label = v }},
	{"grace", func(_ *loader, c *rawCredential, v *document.Value) { c.grace = v }},
	{"store", func(_ *loader, c *rawCredential, v *document.Value) { c.store = v }},
	{"policy", func(_ *loader, c *rawCredential, v *document.Value) { c.policy = v }},
	{"schedule", func(_ *loader, c *rawCredential, v *document.Value) { c.schedule = v }},
	{"verify", func(_ *loader, c *rawCredential, v *document.Value) { c.verify = v }},
	{"first", func(_ *loader, c *rawCredential, v *document.Value) { c.first = v }},
	{"owner", func(_ *loader, c *rawCredential, v *document.Value) { c.owner = v }},
	{"labels", func(_ *loader, c *rawCredential, v *document.Value) { c.labels = v }},
	{"notify", func(_ *loader, c *rawCredential, v *document.Value) { c.notify = v }},
}

// credential adds one credential. It is the hot path of a large inventory: nothing of v is kept, and what many
// credentials have in common is shared.
func (l *loader) credential(v *document.Value) {
	if !v.Is(document.Object) {
		return
	}
	raw := rawCredential{at: v}
	credentialFields.decode(l, v, &raw)
	v.Require("id", "account", "path")
	if whole := raw.checkStrategy(); !whole || raw.id == nil || raw.account == nil || raw.path == nil {
		return
	}
	c := rotation.Credential{ID: raw.id.Text()}
	if raw.target != nil {
		c.Target = raw.target.Text()
	}
	c.Place.Path = l.vaultPath(raw.path)
	if c.ID != "" && !rotation.ValidID(c.ID) {
		raw.id.Fail(`1 to 128 of a-z, 0-9 and "._-@"`, "%q is not a valid id", c.ID)
	}
	if raw.username != nil {
		c.Username = raw.username.Text()
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
func (l *loader) accountName(v *document.Value) *Account {
	name := v.Text()
	account, ok := l.cfg.Accounts[name]
	switch {
	case !ok && name != "":
		v.Fail(document.Nearest(name, keysOf(l.cfg.Accounts)), "unknown account %q", name)
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
		raw.account.Fail("use verifications", "%s rotates nothing", provider.Code)
		return
	}
	overlaps := raw.is(rotation.StrategyOverlap)
	if provider.Mode == rotation.ModeMinter && !overlaps {
		raw.at.FailIn("strategy", "say strategy: overlap", "%s changes no password: it makes another identity for each rotation", provider.Code)
		return
	}
	if c.Target != "" && (!overlaps || provider.Overlaps != nil) {
		check := provider.CheckTarget
		if overlaps {
			check = provider.Overlaps.CheckTarget
		}
		canonical, err := check(c.Target)
		if err != nil {
			raw.target.Fail("", "%v", err)
		}
		c.Target = canonical
	}
	all := l.inherit(l.inherits[account], raw.layer, provider)
	if provider.Mode == rotation.ModeSetter {
		c.Policy = l.resolvePolicy(all.policy, provider)
	}
	c.First, raw.marks, raw.told = all.first, all.marks, all.notify
	if all.schedule != nil {
		c.Schedule = all.schedule.parsed
		if c.Schedule == schedule.Manual && c.First == rotation.FirstScheduled {
			raw.at.FailIn("first", "manual, or now", "scheduled does not go with schedule: manual, which has no first time")
		}
	} else {
		raw.at.FailIn("schedule", "give it here, at the account or under defaults", "is missing")
	}
	if all.store == "" && raw.store == nil && len(l.cfg.Stores) > 0 {
		raw.at.FailIn("store", "name one here, at the account, under defaults or as vault.default", "is missing")
	}
	c.Place.Store = all.store
	l.checkBelow(raw.path, c.Place.Path, l.cfg.Stores[all.store])
	c.Verify = l.finishVerify(raw, account, all.verify)
	switch {
	case raw.targets != nil:
		l.pair(raw, c, account, all)
	case overlaps:
		l.overlap(raw, c, provider, all)
	}
}

// keep adds c unless its id is taken. Its target and its place may not be another credential's either.
func (l *loader) keep(raw *rawCredential, c rotation.Credential) {
	number, taken := l.fleet.Add(c, l.current, uint32(raw.at.Line())) //nolint:gosec // a line
	if taken != nil {
		raw.id.Fail("", "%q is already used at %s", c.ID, l.where(taken))
		return
	}
	l.keepMarks(&c, raw.marks)
	l.keepNotify(&c, raw.notify, raw.told)
	for _, target := range claimsOf(&c) {
		// One name may stand for different things in two regions: they are separate services. Case tells no two of them apart:
		// it stays because a provider may ask for it, but an operator who writes a@ and A@ means one mailbox.
		account := l.cfg.Accounts[c.Account]
		if other := l.targets.Claim(strings.ToLower(target), account.Provider.Code+account.Region, number, func(o *rotation.Credential) bool {
			its := l.cfg.Accounts[o.Account]
			return claims(o, target) && its.Provider == account.Provider && its.Region == account.Region
		}); other != nil {
			raw.targetValue().Fail("", "%s is rotated by %q too, at %s", strings.Replace(target, labelMark, " with label ", 1), other.ID, l.where(other))
		}
	}
	l.checkAlone(raw, &c)
	if store := l.cfg.Stores[c.Place.Store]; store != nil {
		if other := l.places.Claim(c.Place.Path, store.location, number, func(o *rotation.Credential) bool {
			return o.Place.Path == c.Place.Path && l.cfg.Stores[o.Place.Store].location == store.location
		}); other != nil {
			raw.path.Fail("", "%s is written by %q too, at %s", c.Place.Path, other.ID, l.where(other))
		}
	}
}

// where says where a credential stands.
func (l *loader) where(e *inventory.Entry) string {
	return l.cfg.Files[e.File] + ":" + strconv.Itoa(int(e.Line))
}
