package config

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/duration"
	"keyturn/internal/rotation"
)

// Account is one set of management keys at one provider.
type Account struct {
	Name     string // also the name of its queue
	Provider *rotation.Provider
	Region   string // one of Provider.Regions; "" where there are none
	Endpoint string // base URL
	CAFile   string // PEM of who certifies it; "" means the system's roots
	Keys     map[string]Source
	// KeysFrom is the credential whose identity is the key, so that it rotates; "" where Keys were given.
	KeysFrom string
	// Rates are the windows that all calls together must keep to, each as written or, by default, 0.95 of what the
	// provider allows. Never empty.
	Rates       []rotation.Rate
	Timeout     time.Duration   // hard limit of one call
	Concurrency int             // calls at once per worker, 2 to 64
	Marks       *rotation.Marks // nil if there are none
	Notify      []Notify        // after each rotation of a credential that does not say otherwise

	insecureHTTP bool
}

const (
	// rateShare leaves a provider's own limit some air: its clock and its way of counting are not ours.
	rateShare               = 0.95
	minTimeout, maxTimeout  = 100 * time.Millisecond, 10 * time.Minute
	maxRequests             = 1_000_000 // in one window
	maxName                 = 64
	namePattern, nameAdvice = `^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`, "a-z, 0-9 and - in the middle, at most 64"
)

// rawAccount is an account before its provider is known.
type rawAccount struct {
	Account
	provider, endpoint, keys *document.Value
	keysFrom                 *document.Value
	given                    layer
}

var accountFields = fields[rawAccount]{
	{"provider", func(_ *loader, a *rawAccount, v *document.Value) { a.provider = v }},
	{"region", func(_ *loader, a *rawAccount, v *document.Value) { a.Region = v.Text() }},
	{"endpoint", func(_ *loader, a *rawAccount, v *document.Value) { a.endpoint = v }},
	{"ca_file", func(l *loader, a *rawAccount, v *document.Value) { a.CAFile = l.certificates(v) }},
	{"insecure_http", func(_ *loader, a *rawAccount, v *document.Value) { a.insecureHTTP = v.Boolean() }},
	{"keys", func(_ *loader, a *rawAccount, v *document.Value) { a.keys = v }},
	{"keys_from", func(_ *loader, a *rawAccount, v *document.Value) { a.keysFrom = v }},
	{"rate", func(_ *loader, a *rawAccount, v *document.Value) { a.Rates = rates(v) }},
	{"timeout", func(_ *loader, a *rawAccount, v *document.Value) { a.Timeout = v.DurationIn(minTimeout, maxTimeout) }},
	{"concurrency", func(_ *loader, a *rawAccount, v *document.Value) {
		a.Concurrency = v.Integer(rotation.MinConcurrency, rotation.MaxConcurrency)
	}},
	{"policy", func(_ *loader, a *rawAccount, v *document.Value) { a.given.policy = v }},
	{"schedule", func(_ *loader, a *rawAccount, v *document.Value) { a.given.schedule = v }},
	{"verify", func(_ *loader, a *rawAccount, v *document.Value) { a.given.verify = v }},
	{"first", func(_ *loader, a *rawAccount, v *document.Value) { a.given.first = v }},
	{"store", func(_ *loader, a *rawAccount, v *document.Value) { a.given.store = v }},
	{"grace", func(_ *loader, a *rawAccount, v *document.Value) { a.given.grace = v }},
	{"owner", func(_ *loader, a *rawAccount, v *document.Value) { a.given.owner = v }},
	{"labels", func(_ *loader, a *rawAccount, v *document.Value) { a.given.labels = v }},
	{"notify", func(_ *loader, a *rawAccount, v *document.Value) { a.given.notify = v }},
}

// account reads one account. It is kept even when it is wrong, so that its credentials are not all unknown too; then
// its Provider may be nil.
func (l *loader) account(v *document.Value) {
	raw := rawAccount{Account: Account{Name: v.Name()}}
	accountFields.decode(l, v, &raw)
	v.Require("provider")
	a := &raw.Account
	l.cfg.Accounts[v.Name()] = a
	if raw.provider != nil {
		a.Provider = l.provider(raw.provider)
	}
	if a.Timeout == 0 {
		a.Timeout = l.cfg.Timing.ProviderTimeout
	}
	if a.Provider == nil {
		return
	}
	l.accountRegion(v, a)
	if raw.endpoint != nil {
		a.Endpoint = baseURL(raw.endpoint, a.insecureHTTP)
	} else if a.Endpoint = a.Provider.Endpoint(a.Region); a.Endpoint == "" {
		v.FailIn("endpoint", "the address of your own server", "is missing")
	}
	if raw.keysFrom == nil {
		l.accountKeys(v, raw.keys, a)
	} else {
		l.accountKeysFrom(raw.keysFrom, raw.keys, a)
	}
	if len(a.Rates) == 0 {
		rate := a.Provider.Rate
		rate.Per = time.Duration(math.Ceil(float64(rate.Per) / rateShare))
		a.Rates = []rotation.Rate{rate}
	}
	if a.Concurrency == 0 {
		a.Concurrency = atOnce(a.Rates, a.Timeout)
	}
	l.inherits[a] = l.inherit(l.verifiable(a), raw.given, a.Provider)
	a.Marks, a.Notify = l.inherits[a].marks, l.inherits[a].notify
	l.accountValues[a] = v
	l.checkAccountVerify(a, raw.given.verify)
	l.warnUnverified(a)
}

func (l *loader) provider(v *document.Value) *rotation.Provider {
	code := v.Text()
	p := l.providers[code]
	if p == nil && code != "" {
		v.Fail(document.Nearest(code, keysOf(l.providers)), "unknown provider %q", code)
	}
	return p
}

func (l *loader) accountRegion(v *document.Value, a *Account) {
	regions := a.Provider.Regions
	switch {
	case a.Region == "" && len(regions) > 0:
		a.Region = regions[0]
	case a.Region != "" && len(regions) == 0:
		v.FailIn("region", "leave it out", "%s has no regions", a.Provider.Code)
	case a.Region != "" && !slices.Contains(regions, a.Region):
		v.FailIn("region", document.Nearest(a.Region, regions), "%s has no region %q", a.Provider.Code, a.Region)
	}
}

// accountKeys reads the management keys that the provider wants, no more and no fewer.
func (l *loader) accountKeys(account, keys *document.Value, a *Account) {
	a.Keys = map[string]Source{}
	if keys == nil {
		account.FailIn("keys", "it needs "+strings.Join(a.Provider.Keys, " and "), "is missing")
		return
	}
	for _, entry := range keys.Entries() {
		if !slices.Contains(a.Provider.Keys, entry.Name()) {
			entry.FailKey(document.Nearest(entry.Name(), a.Provider.Keys), "%s has no such key", a.Provider.Code)
			continue
		}
		a.Keys[entry.Name()] = l.source(entry)
	}
	keys.Require(a.Provider.Keys...)
}

// atOnce is how many calls keep the slowest window busy if each takes all of its time.
func atOnce(rates []rotation.Rate, timeout time.Duration) int {
	calls := math.Ceil(rotation.CallsIn(rates, timeout))
	return int(max(rotation.MinConcurrency, min(calls, rotation.MaxConcurrency)))
}

var rateForm = regexp.MustCompile(`^(\d+)/(\d+)?(ms|s|m|min|h|d)$`)

// rates returns the windows of a list such as ["20/s", "1000/h"].
func rates(v *document.Value) []rotation.Rate {
	var rates []rotation.Rate
	for _, item := range v.Items() {
		if r, ok := rate(item); ok {
			rates = append(rates, r)
		}
	}
	if v.Kind() == document.List && len(v.Children()) == 0 {
		v.Fail("leave it out for the provider's own", "must name at least one window")
	}
	return rates
}

func rate(v *document.Value) (rotation.Rate, bool) {
	if !v.Is(document.Text) {
		return rotation.Rate{}, false
	}
	r, ok := parseRate(v.Raw())
	if !ok {
		v.Fail(rateAdvice, "%q is not a rate from 1 to %d requests", v.Raw(), maxRequests)
	}
	return r, ok
}

const rateAdvice = "such as 20/s, 300/min or 1000/h"

// ParseRate reads a rate as it is written in a configuration.
func ParseRate(text string) (rotation.Rate, error) {
	r, ok := parseRate(text)
	if !ok {
		return r, fmt.Errorf("%q is not a rate from 1 to %d requests, %s", text, maxRequests, rateAdvice)
	}
	return r, nil
}

func parseRate(text string) (rotation.Rate, bool) {
	m := rateForm.FindStringSubmatch(text)
	if m == nil {
		return rotation.Rate{}, false
	}
	requests, err := strconv.Atoi(m[1])
	per, errPer := duration.Parse(cmp.Or(m[2], "1") + strings.TrimSuffix(m[3], "in"))
	if err != nil || errPer != nil || requests < 1 || requests > maxRequests || per <= 0 {
		return rotation.Rate{}, false
	}
	return rotation.Rate{Requests: requests, Per: per}, true
}

var nameForm = regexp.MustCompile(namePattern)

// checkName reports whether the key of v is fit to be a name in queues, metrics and Vault's paths.
func checkName(v *document.Value) bool {
	if len(v.Name()) > maxName || !nameForm.MatchString(v.Name()) {
		v.FailKey(nameAdvice, "is not a valid name")
		return false
	}
	return true
}
