package declared

import (
	"bytes"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"keyturn/internal/config/document"
)

// Received is what stands in the slots of a request that a server of the provider gets.
type Received struct {
	Target   string            // "" if only parts of it were sent
	Parts    map[string]string // of the target, by name
	Keys     map[string]string
	Password string
}

// Receive takes a request apart as the provider would. The keys are those that stand where they should; as tells whether
// all else is as the description says. It is for a stand-in: what reads an answer trusts no server.
func (d *Description) Receive(r *http.Request, body []byte) (got Received, as bool) {
	found := taken{}
	proven := d.call.request.auth.take(r, found)
	as = proven && r.Method == d.call.request.method && d.takePath(r.URL, found) &&
		takeFields(append(slices.Clone(d.call.request.query), d.call.request.auth.query...), r.URL.Query(), found) &&
		d.takeHeaders(r.Header, found) && d.call.request.body.take(r.Header.Get("Content-Type"), body, found)
	got = Received{Target: found[slotTarget], Password: found[slotPassword], Parts: map[string]string{}, Keys: map[string]string{}}
	for slot, text := range found {
		if name, ok := strings.CutPrefix(slot, partPrefix); ok {
			got.Parts[name] = text
		} else if name, ok := strings.CutPrefix(slot, keyPrefix); ok {
			got.Keys[name] = text
		}
	}
	return got, as
}

// taken are the texts that stand in the slots of a request.
type taken map[string]string

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
func (d *Description) takePath(u *url.URL, into taken) bool {
	path := u.EscapedPath()
	for _, r := range d.regions {
		if own, err := url.Parse(r.endpoint); err == nil && own.Path != "" && own.Path != "/" {
			path = strings.TrimPrefix(path, strings.TrimSuffix(own.EscapedPath(), "/"))
		}
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segments) != len(d.call.request.path) {
		return false
	}
	for i, t := range d.call.request.path {
		if !t.take(segments[i], url.PathUnescape, into) {
			return false
		}
	}
	return true
}

func (d *Description) takeHeaders(header http.Header, into taken) bool {
	return !slices.ContainsFunc(d.call.request.headers, func(f field) bool { return !f.value.take(header.Get(f.name), asItStands, into) })
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
