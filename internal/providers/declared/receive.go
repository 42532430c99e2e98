package declared

import (
	"bytes"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/httpx"
	"keyturn/internal/secret"
)

// Received is what stands in the slots of a request that a server of the provider gets.
type Received struct {
	Call     string            // of a minter; "" for the one call of others
	Op       string            // what errors and metrics call it
	Target   string            // "" if only parts of it were sent, or nothing
	Parts    map[string]string // of the target, by name
	Keys     map[string]string
	Password string
	Label    string    // of an identity that is made
	ID       string    // of one that is retired
	Signed   time.Time // when the request was signed; zero where requests are not
}

// Receive takes a request apart as the provider would. The keys are those that stand where they should, or that the request
// is signed with: secretOf knows them by their ids. as tells whether all else is as the description says of one of its calls.
// It is for a stand-in: what reads an answer trusts no server.
func (d *Description) Receive(r *http.Request, body []byte, secretOf func(id string) (string, bool)) (got Received, as bool) {
	keys := map[string]string{}
	signed, at := d.takeSigned(r, body, secretOf)
	for _, call := range d.calls() {
		found := maps.Clone(signed)
		as = d.receive(d.operation(call), r, body, found)
		got = found.received()
		maps.Copy(keys, got.Keys)
		if as {
			got.Call, got.Op = call, d.operation(call).name
			break
		}
	}
	got.Keys, got.Signed = keys, at
	return got, as
}

// takeSigned finds the keys of a request that is signed, and when that was. A signature is right if it is the one that comes of
// the same request, and then the secret is found.
func (d *Description) takeSigned(r *http.Request, body []byte, secretOf func(id string) (string, bool)) (taken, time.Time) {
	found := taken{}
	a := &d.call.request.auth
	told := r.Header.Get("Authorization")
	id := keyID.FindStringSubmatch(told)
	if a.scheme == "" || id == nil || !a.with["id"].take(id[1], asItStands, found) {
		return found, time.Time{}
	}
	at, err := schemes[a.scheme].stamp(r.Header)
	key, known := secretOf(id[1])
	whole := maps.Clone(found)
	if err != nil || !known || !a.with["secret"].take(key, asItStands, whole) {
		return found, at.now
	}
	v := values{keys: map[string]secret.Value{}}
	for name, text := range whole.received().Keys {
		v.keys[name] = secret.New(text)
	}
	for _, region := range d.regions {
		v.region = region.name
		address, header := *r.URL, r.Header.Clone()
		address.Host = r.Host
		schemes[a.scheme].sign(httpx.Request{Method: r.Method, URL: &address, Header: header, Body: body}, at,
			func(field string) string { return a.with[field].text(v) })
		if header.Get("Authorization") == told {
			return whole, at.now
		}
	}
	return found, at.now
}

// keyID is where a signature names its key.
var keyID = regexp.MustCompile(`Credential=([^/,]+)[/,]`)

// receive takes a request apart as one of a call.
func (d *Description) receive(o *operation, r *http.Request, body []byte, found taken) bool {
	a := &o.request.auth
	return a.take(r, found) && r.Method == o.request.method && d.takePath(o, r.URL, found) &&
		takeFields(append(slices.Clone(o.request.query), a.query...), r.URL.Query(), found) &&
		o.takeHeaders(r.Header, found) && o.request.body.take(r.Header.Get("Content-Type"), body, found)
}

// taken are the texts that stand in the slots of a request.
type taken map[string]string

func (t taken) received() Received {
	got := Received{
		Target: t[slotTarget], Password: t[slotPassword], Label: t[slotLabel], ID: t[slotID], Parts: map[string]string{}, Keys: map[string]string{},
	}
	for slot, text := range t {
		if name, ok := strings.CutPrefix(slot, partPrefix); ok {
			got.Parts[name] = text
		} else if name, ok := strings.CutPrefix(slot, keyPrefix); ok {
			got.Keys[name] = text
		}
	}
	return got
}

// take finds what stands in the slots of a text. A slot that occurs twice holds the same.
func (t template) take(text string, unescape func(string) (string, error), into taken) bool {
	var pattern strings.Builder
	for _, p := range t {
		if p.slot == "" {
			pattern.WriteString(regexp.QuoteMeta(p.literal))
		} else {
			pattern.WriteString("(.*)")
		}
	}
	at := regexp.MustCompile("^(?s:" + pattern.String() + ")$").FindStringSubmatch(text)
	if at == nil {
		return false
	}
	for _, p := range t {
		if p.slot == "" {
			continue
		}
		value, err := unescape(at[1])
		if known, twice := into[p.slot]; err != nil || twice && known != value {
			return false
		}
		into[p.slot], at = value, at[1:]
	}
	return true
}

func asItStands(text string) (string, error) { return text, nil }

// takePath takes a path with or without that of the provider's own endpoint, which a stand-in does not have.
func (d *Description) takePath(o *operation, u *url.URL, into taken) bool {
	path := u.EscapedPath()
	for _, r := range d.regions {
		if own, err := url.Parse(r.endpoint); err == nil && own.Path != "" && own.Path != "/" {
			path = strings.TrimPrefix(path, strings.TrimSuffix(own.EscapedPath(), "/"))
		}
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segments) != len(o.request.path) {
		return false
	}
	for i, t := range o.request.path {
		if !t.take(segments[i], url.PathUnescape, into) {
			return false
		}
	}
	return true
}

func (o *operation) takeHeaders(header http.Header, into taken) bool {
	return !slices.ContainsFunc(o.request.headers, func(f field) bool { return !f.value.take(header.Get(f.name), asItStands, into) })
}

// takeFields wants each field once, and no other.
func takeFields(fields []field, given url.Values, into taken) bool {
	for _, f := range fields {
		if values := given[f.name]; len(values) != 1 || !f.value.take(values[0], asItStands, into) {
			return false
		}
	}
	return len(given) == len(fields)
}

// take finds the keys. What stands in the query is found with it.
func (a *auth) take(r *http.Request, into taken) bool {
	if len(a.basic) == 2 {
		user, password, ok := r.BasicAuth()
		return ok && a.basic[0].take(user, asItStands, into) && a.basic[1].take(password, asItStands, into)
	}
	return a.header.name == "" || a.header.value.take(r.Header.Get(a.header.name), asItStands, into)
}

func (b *body) take(kind string, content []byte, into taken) bool {
	media, parameters, _ := mime.ParseMediaType(kind) // what cannot be read is no type that is wanted
	switch b.kind {
	case formBody:
		given, err := url.ParseQuery(string(content))
		return err == nil && media == "application/x-www-form-urlencoded" && takeFields(b.fields, given, into)
	case multipartBody:
		form, err := multipart.NewReader(bytes.NewReader(content), parameters["boundary"]).ReadForm(int64(len(content)))
		return err == nil && media == "multipart/form-data" && takeFields(b.fields, form.Value, into)
	case jsonBody:
		root, err := decodeJSON(content)
		return err == nil && media == "application/json" && b.json.take(root, into)
	default:
		return len(content) == 0
	}
}

// take finds what stands in the slots of a JSON value, whose members may come in any order.
func (n *node) take(from tree, into taken) bool {
	switch n.kind {
	case document.Object:
		members, ok := from.(map[string]tree)
		return ok && len(members) == len(n.children) &&
			!slices.ContainsFunc(n.children, func(c node) bool { return !c.take(members[c.name], into) })
	case document.List:
		items, ok := from.([]tree)
		if !ok || len(items) != len(n.children) {
			return false
		}
		for i := range items {
			if !n.children[i].take(items[i], into) {
				return false
			}
		}
		return true
	case document.Text:
		text, ok := from.(string)
		return ok && n.text.take(text, asItStands, into)
	case document.Null:
		return from == nil
	default:
		return from == tree(n.literal)
	}
}
