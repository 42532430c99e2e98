package declared

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/httpx"
)

// request is what one call sends.
type request struct {
	method  string
	path    []template // by segment; the first one follows the endpoint's own path
	query   []field
	headers []field
	body    body
	auth    auth
}

// field is a name and its value.
type field struct {
	name  string
	value template
}

var (
	headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
	fieldName  = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]{1,64}$`)
	// pathText is what may stand in a path beside slots: nothing that needs an escape, or that a server could read as one.
	pathText = regexp.MustCompile(`^[A-Za-z0-9._~!$&'()*+,;=:@-]*$`)

	errSegment = errors.New("a part of the target is no segment of a path")
	errNumber  = errors.New("a part of the target is no number")
)

// reserved are the headers that are not the author's to set.
var reserved = []string{
	"Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Expect", "Host", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// readRequest reads the request of a call, which may have other fields beside.
func (s scope) readRequest(v *document.Value, beside ...string) request {
	r := request{method: http.MethodPost}
	if !v.Only(append([]string{"method", "path", "query", "headers", "form", "json", "numbers", "multipart"}, beside...)...) {
		return r
	}
	v.Require("method", "path")
	if c := v.Child("method"); c != nil {
		methods := []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodGet, http.MethodDelete}
		r.method = methods[c.OneOf(methods...)]
	}
	if c := v.Child("path"); c != nil {
		r.path = s.readPath(c)
	}
	if c := v.Child("query"); c != nil {
		r.query = s.fields(c, inQuery)
	}
	if c := v.Child("headers"); c != nil {
		r.headers = s.headers(c)
	}
	r.body = s.readBody(v)
	if r.body.kind != bodyless && (r.method == http.MethodGet || r.method == http.MethodDelete) {
		v.Fail("put the fields into query, or use another method", "a %s must have no body", r.method)
	}
	return r
}

func (s scope) readPath(v *document.Value) []template {
	whole := s.parse(v, inPath)
	text, ok := strings.CutPrefix(v.Raw(), "/")
	if !ok || strings.HasPrefix(text, "/") {
		v.Fail("such as /v1/mailboxes/${target}; the host is the endpoint's", "must begin with one /")
		return []template{whole}
	}
	for _, p := range whole {
		if !pathText.MatchString(strings.ReplaceAll(p.literal, "/", "")) {
			v.Fail("what varies goes into slots, what follows a ? into query", "%q must not stand in a path", p.literal)
			return []template{whole}
		}
	}
	var segments []template
	for segment := range strings.SplitSeq(text, "/") {
		segments = append(segments, pieces(segment))
		if segment == "." || segment == ".." {
			v.Fail("", "must not have a segment %q", segment)
		}
	}
	if slices.Contains(strings.Split(strings.TrimSuffix(text, "/"), "/"), "") && text != "" {
		v.Fail("", "must not have an empty segment")
	}
	return segments
}

// pieces takes a text apart whose slots are checked.
func pieces(text string) (t template) {
	for text != "" {
		literal, behind, found := strings.Cut(text, "${")
		if literal != "" {
			t = append(t, piece{literal: literal})
		}
		if !found {
			break
		}
		slot, after, _ := strings.Cut(behind, "}")
		t, text = append(t, piece{slot: slot}), after
	}
	return t
}

// fields reads an ordered map of names and texts.
func (s scope) fields(v *document.Value, where place) []field {
	var all []field
	for _, c := range v.Entries() {
		if !fieldName.MatchString(c.Name()) {
			c.FailKey("a slot stands in a value", "is not a valid name")
		}
		all = append(all, field{c.Name(), s.parse(c, where)})
	}
	return all
}

func (s scope) headers(v *document.Value) []field {
	var all []field
	for _, c := range v.Entries() {
		name := http.CanonicalHeaderKey(c.Name())
		switch {
		case !headerName.MatchString(c.Name()):
			c.FailKey("", "is not the name of a header")
		case slices.Contains(reserved, name):
			c.FailKey("keys go into auth; the body has its own type", "is not for a description to set")
		}
		if strings.ContainsFunc(c.Raw(), func(r rune) bool { return r < ' ' || r > '~' }) {
			c.Fail("", "must be printable ASCII")
		}
		all = append(all, field{name, s.parse(c, inHeader)})
	}
	return all
}

// uses tells whether the request has a slot, as template.uses does.
func (r *request) uses(name string) bool {
	uses := func(f field) bool { return f.value.uses(name) }
	return slices.ContainsFunc(r.path, func(t template) bool { return t.uses(name) }) ||
		slices.ContainsFunc(r.query, uses) || slices.ContainsFunc(r.headers, uses) || r.body.uses(name) || r.auth.uses(name)
}

// fresh tells that net/http could repeat the request on a connection that it has used before, or that its URL is secret.
func (r *request) fresh(s scope) bool { return r.body.kind == bodyless || s.secretInURL }

// build makes the request of one call.
func (r *request) build(op string, endpoint *url.URL, v values) (httpx.Request, error) {
	address := *endpoint
	segments, escaped := make([]string, len(r.path)), make([]string, len(r.path))
	for i, t := range r.path {
		segments[i], escaped[i] = t.text(v), t.fill(v, url.PathEscape)
		if last := i == len(r.path)-1 && len(t) == 0; !last && (segments[i] == "" || segments[i] == "." || segments[i] == "..") {
			return httpx.Request{}, errSegment
		}
	}
	address.Path = strings.TrimSuffix(endpoint.Path, "/") + "/" + strings.Join(segments, "/")
	address.RawPath = strings.TrimSuffix(endpoint.EscapedPath(), "/") + "/" + strings.Join(escaped, "/")
	address.RawQuery = encode(append(slices.Clone(r.query), r.auth.query...), v)
	if !r.body.numbered(v) {
		return httpx.Request{}, errNumber
	}
	header := http.Header{}
	for _, f := range r.headers {
		header.Set(f.name, f.value.text(v))
	}
	content, kind := r.body.content(v)
	if kind != "" {
		header.Set("Content-Type", kind)
	}
	whole := httpx.Request{Op: op, Method: r.method, URL: &address, Header: header, Body: content}
	r.auth.sign(whole, v)
	return whole, nil
}

// encode writes fields as a query or a form has them, in their order.
func encode(fields []field, v values) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = url.QueryEscape(f.name) + "=" + url.QueryEscape(f.value.text(v))
	}
	return strings.Join(all, "&")
}
