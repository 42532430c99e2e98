package declared

import (
	"cmp"
	"crypto/rand"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/httpx"
	"keyturn/internal/policy"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

// Description is a provider as its file describes it. It never changes and is safe for concurrent use.
type Description struct {
	Code, Name string
	Doc        string            // address of the provider's own page
	Sources    map[string]string // addresses of pages, by the names that rows and examples use
	Guessed    map[string]string // why something is a guess, by what it is

	mode           rotation.Mode
	keys           []string
	regions        []region
	rate           rotation.Rate
	quotaPer       time.Duration
	mail           *mail
	loginless      bool // what it makes logs in to no mail server
	pairs, sendsAs bool
	rule           policy.Rule
	target         target
	scope          scope
	call           operation // set, issue or mint
	listing        listing   // of a minter, as are the next ones
	retiring       operation
	disabling      operation // what is sent before retiring, where disables
	disables       bool
	enabling       operation // undoes disabling, where enables
	enables        bool
	rows           []*row // the error table
	shown          shown
	examples       examples
	digest         string
}

// region is where the provider answers; one without a name where it has no regions.
type region struct {
	name, endpoint string
	mail           string // host of its SMTP server, where it has its own
}

// Provider makes the provider that the description describes.
func (d *Description) Provider() rotation.Provider {
	p := rotation.Provider{
		Code: d.Code, Name: d.Name, Call: d.call.name, Doc: d.Doc, Mode: d.mode, Keys: d.keys, Endpoint: d.endpoint, Rate: d.rate, QuotaPer: d.quotaPer, Rule: d.rule,
		CheckTarget: d.target.canonical, New: d.newClient, Pairs: d.pairs, SendsAs: d.sendsAs, Description: d.digest,
	}
	for _, r := range d.regions {
		if r.name != "" {
			p.Regions = append(p.Regions, r.name)
		}
	}
	for _, r := range d.rows {
		p.Errors = append(p.Errors, rotation.ErrorRow{Code: r.name(), Kind: r.kind, Status: r.status, Hint: r.hint})
	}
	if d.mail != nil {
		p.SMTP, p.SMTPUsername = d.smtp, !d.mail.loginIsTarget
	}
	p.NoLogin = d.loginless
	if d.mode == rotation.ModeMinter {
		p.SMTPUsername = false // each identity has its own
		p.Overlaps = &rotation.Overlapping{CheckTarget: d.target.canonical}
		if d.listing.label != nil {
			p.Overlaps.CheckOwner = spelling.CheckOwner
		}
		p.Overlaps.Disables, p.Overlaps.Keys = d.enables, d.enables && d.makesKeys()
	}
	return p
}

// makesKeys reports whether an identity is what an account calls with: the provider signs with two keys, and the first is the
// id, which is the user name too.
func (d *Description) makesKeys() bool {
	id := values{id: "id"}
	return len(d.keys) == 2 && d.call.request.auth.scheme != "" && d.shown.login != nil && d.shown.login.text(id) == id.id
}

func (d *Description) newClient(s rotation.Settings) (rotation.Client, error) {
	c, err := d.connect(s)
	if err != nil {
		return rotation.Client{}, err
	}
	return c.roles(), nil
}

// roles are what a client is, by the mode of its description.
func (c *client) roles() rotation.Client {
	switch c.mode {
	case rotation.ModeIssuer:
		return rotation.Client{Issuer: issuer{c}}
	case rotation.ModeMinter:
		if c.enables {
			return rotation.Client{Minter: minter{c}, Disabler: minter{c}}
		}
		return rotation.Client{Minter: minter{c}}
	default:
		return rotation.Client{Setter: setter{c}}
	}
}

func (d *Description) connect(s rotation.Settings) (*client, error) {
	use := httpx.Pooled
	if slices.ContainsFunc(d.operations(), func(o *operation) bool { return o.request.fresh(d.scope) }) {
		use = httpx.Fresh
	}
	http, err := httpx.New(d.Provider(), s, use)
	if err != nil {
		return nil, err
	}
	c := &client{Description: d, http: http, region: cmp.Or(s.Region, d.regions[0].name), keys: s.Keys}
	c.stamp = func() stamp { return stamp{http.SignTime(), rand.Text()} }
	return c, nil
}

// in returns the region of a name; the default one for "".
func (d *Description) in(name string) region {
	if i := slices.IndexFunc(d.regions, func(r region) bool { return r.name == name }); i >= 0 {
		return d.regions[i]
	}
	return d.regions[0]
}

func (d *Description) endpoint(region string) string { return d.in(region).endpoint }

// readRegions reads regions, or the one endpoint of a provider that has none. "account" says that each account gives it.
func readRegions(v *document.Value) []region {
	v.ExactlyOne("endpoint", "regions")
	if c := v.Child("endpoint"); c != nil {
		if c.Raw() == "account" {
			return []region{{}}
		}
		return []region{{endpoint: origin(c)}}
	}
	var all []region
	list := v.Child("regions")
	if list == nil {
		return []region{{}}
	}
	for _, item := range list.Items() {
		if !item.Only("name", "endpoint", "smtp") {
			continue
		}
		item.Require("name", "endpoint")
		var r region
		if c := item.Child("name"); c != nil {
			r.name = codeOf(c)
			if slices.ContainsFunc(all, func(other region) bool { return other.name == r.name }) {
				c.Fail("", "is defined twice")
			}
		}
		if c := item.Child("endpoint"); c != nil {
			r.endpoint = origin(c)
		}
		if c := item.Child("smtp"); c != nil {
			r.mail = host(c)
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		list.Fail("leave it out and give endpoint", "must have a region")
		return []region{{}}
	}
	return all
}

// origin is a base URL that depends on nothing.
func origin(v *document.Value) string {
	text := v.Text()
	switch _, err := httpx.ParseEndpoint(text); {
	case strings.Contains(text, "${"):
		v.Fail("list the regions, or say endpoint: account", "must not depend on a slot")
	case !strings.HasPrefix(text, "https://"):
		v.Fail("", "must begin with https://")
	case err != nil:
		v.Fail("", "%v", err)
	}
	return text
}

func host(v *document.Value) string {
	text := v.Text()
	if u, err := url.Parse("smtp://" + text); text != "" && (err != nil || u.Hostname() != text || !strings.Contains(text, ".")) {
		v.Fail("such as smtp.example.com; the port stands beside it", "is not the name of a host")
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
