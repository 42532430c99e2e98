package config

import (
	"slices"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// defaultGrace is how long a program may use what it cached, unless the configuration says otherwise.
const defaultGrace = 24 * time.Hour

// rawAccess is one of a pair's targets.
type rawAccess struct{ target, username, fields *document.Value }

var accessFields = fields[rawAccess]{
	{"target", func(_ *loader, a *rawAccess, v *document.Value) { a.target = v }},
	{"username", func(_ *loader, a *rawAccess, v *document.Value) { a.username = v }},
	{"fields", func(_ *loader, a *rawAccess, v *document.Value) { a.fields = v }},
	{"account", func(_ *loader, _ *rawAccess, v *document.Value) {
		v.FailKey("both targets belong to the credential's account", "a target has no account of its own")
	}},
}

// strategyNames are the values of strategy, in the order of rotation.Strategy.
var strategyNames = []string{rotation.StrategyReplace.String(), rotation.StrategyPair.String(), rotation.StrategyOverlap.String()}

// is reports whether the configuration asks for a strategy.
func (c *rawCredential) is(s rotation.Strategy) bool {
	return c.strategy != nil && c.strategy.Kind() == document.Text && c.strategy.Text() == s.String()
}

// checkStrategy reports fields that are missing or do not go with the strategy, and whether it can be gone on with.
func (c *rawCredential) checkStrategy() bool {
	strategy := rotation.StrategyReplace
	if c.strategy != nil {
		strategy = rotation.Strategy(c.strategy.OneOf(strategyNames...))
	}
	pair, overlap := strategy == rotation.StrategyPair, strategy == rotation.StrategyOverlap
	for _, f := range []struct {
		given      *document.Value
		goes       bool
		advice, is string
	}{
		{c.targets, pair, "add strategy: pair, or leave it out", "goes with a pair"},
		{c.grace, pair || overlap, "add strategy: pair or overlap, or leave it out", "goes with a pair or an overlap"},
		{c.exclusive, overlap, "add strategy: overlap, or leave it out", "goes with an overlap"},
		{c.label, overlap, "add strategy: overlap, or leave it out", "goes with an overlap"},
		{c.target, !pair, "give it to each of the targets", "a pair has two of them"},
		{
			c.username, strategy == rotation.StrategyReplace, "give it to each of the targets of a pair; of an overlap, leave it out",
			"each target of a pair has its own, and each identity of an overlap",
		},
	} {
		if f.given != nil && !f.goes {
			f.given.FailKey(f.advice, "%s", f.is)
		}
	}
	if pair {
		c.at.Require("targets")
		return c.targets != nil && c.target == nil
	}
	c.at.Require("target")
	return c.target != nil && c.targets == nil
}

// targetValue is where the target stands, or the two of a pair.
func (c *rawCredential) targetValue() *document.Value {
	if c.target != nil {
		return c.target
	}
	return c.targets
}

// pair reads the two targets of a credential.
func (l *loader) pair(raw *rawCredential, c *rotation.Credential, account *Account, all inherited) {
	provider := account.Provider
	if !provider.Pairs {
		raw.strategy.Fail("use replace", "a target's password at %s opens nothing but that target: two cannot take turns", provider.Code)
		return
	}
	items := raw.targets.Items()
	if raw.targets.Kind() == document.List && len(items) != 2 {
		raw.targets.Fail("give two that programs can log in with alike", "a pair has two targets, not %d", len(items))
	}
	if len(items) != 2 {
		return
	}
	pair := &rotation.Pair{}
	for i, item := range items {
		pair.Targets[i] = l.access(item, provider, l.cfg.Stores[c.Place.Store])
	}
	first, second := &pair.Targets[0], &pair.Targets[1]
	switch {
	case first.Target == "" || second.Target == "":
		return // said already
	case strings.EqualFold(first.Target, second.Target):
		items[1].FailIn("target", "", "%s is both targets of the pair", second.Target)
		return
	case first.Login() == second.Login():
		items[1].FailIn("username", "", "%s is the user name of both targets", second.Login())
	case !slices.Equal(keysOf(first.Fields), keysOf(second.Fields)):
		raw.targets.Fail("or a program would read the other target's", "the fields of both targets must have the same names")
	case len(first.Fields) == 0 && provider.SendsAs:
		raw.targets.Warn("such as fields: {from: "+first.Target+"}, with SPF and DKIM for both", "%s sends as the login: programs must change their sender with it", provider.Code)
	}
	if all.verify.SMTP.Username != "" {
		raw.at.FailIn("verify.smtp.username", "give each target its username", "a pair has two user names")
	}
	pair.Grace = l.grace(raw, all.grace, c)
	c.Pair, c.Target, c.Username = pair, first.Target, first.Username
}

// access reads one target of a pair.
func (l *loader) access(v *document.Value, provider *rotation.Provider, store *Store) (a rotation.Access) {
	if v.Kind() == document.Text {
		v.Fail("such as {target: "+strings.Clone(v.Text())+"}", "must be a map")
		return a
	}
	var raw rawAccess
	accessFields.decode(l, v, &raw)
	v.Require("target")
	if raw.target != nil {
		canonical, err := provider.CheckTarget(raw.target.Text())
		if err != nil {
			raw.target.Fail("", "%v", err)
		}
		a.Target = strings.Clone(canonical) // a part of a line would keep all of it
	}
	if raw.username != nil {
		a.Username = strings.Clone(raw.username.Text())
	} else if provider.SMTPUsername {
		v.FailIn("username", "a user name at "+provider.Code+" cannot be told from the target", "is missing")
	}
	if raw.fields != nil {
		a.Fields = accessTexts(raw.fields, store)
	}
	return a
}

// accessTexts reads the fields of a secret that go with a target.
func accessTexts(v *document.Value, store *Store) map[string]string {
	texts := map[string]string{}
	for _, entry := range v.Entries() {
		if store != nil && store.Fields.Has(entry.Name()) {
			entry.FailKey("choose another name", "is a field of keyturn's own")
			continue
		}
		texts[strings.Clone(entry.Name())] = strings.Clone(entry.Text())
	}
	return texts
}

// grace settles how long programs may use what they cached; given is 0 where nothing says.
func (l *loader) grace(raw *rawCredential, given time.Duration, c *rotation.Credential) time.Duration {
	least := l.cfg.Timing.MinInterval
	grace := given
	if given == 0 {
		grace = max(defaultGrace, least)
	}
	switch {
	case grace < least:
		raw.at.FailIn("grace", "", "%v is shorter than timing.min_interval, %v", grace, least)
	case c.Schedule != nil && grace >= c.Schedule.Interval():
		raw.at.FailIn("grace", "shorten it, or lengthen the schedule's period", "%v is not shorter than the %v between two rotations",
			grace, c.Schedule.Interval())
	}
	return grace
}

// targetsOf are the target of a credential, or the two of its pair.
func targetsOf(c *rotation.Credential) []string {
	switch {
	case c.Pair != nil:
		return []string{c.Pair.Targets[0].Target, c.Pair.Targets[1].Target}
	case c.Target != "":
		return []string{c.Target}
	default:
		return nil
	}
}

// claimsOf are what a credential has alone at its provider: its targets, or a label at one.
func claimsOf(c *rotation.Credential) []string {
	if c.Overlap != nil && c.Overlap.Owner != "" && c.Target != "" {
		return []string{c.Target + labelMark + c.Overlap.Owner}
	}
	return targetsOf(c)
}

// labelMark stands in no target.
const labelMark = "\x00"

func claims(c *rotation.Credential, target string) bool {
	return slices.ContainsFunc(claimsOf(c), func(its string) bool { return strings.EqualFold(its, target) })
}
