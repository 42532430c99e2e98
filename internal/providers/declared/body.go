package declared

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"keyturn/internal/config/document"
)

// bodyKind is how a body is written.
type bodyKind int

const (
	bodyless bodyKind = iota
	formBody
	jsonBody
	multipartBody
)

// body is what a request holds beside its head.
type body struct {
	kind   bodyKind
	fields []field // of a form and of multipart
	json   node
}

// readBody reads the one body that a request has.
func (s scope) readBody(v *document.Value) (b body) {
	given := 0
	for name, kind := range map[string]bodyKind{"form": formBody, "json": jsonBody, "multipart": multipartBody} {
		c := v.Child(name)
		if c == nil {
			continue
		}
		given++
		switch b.kind = kind; kind {
		case jsonBody:
			if c.Is(document.Object) {
				b.json = s.node(c)
			}
		default:
			b.fields = s.fields(c, inBody)
		}
	}
	if given > 1 {
		v.Fail("", "must have at most one of: form, json, multipart")
	}
	if c := v.Child("numbers"); c != nil {
		b.readNumbers(c)
	}
	return b
}

// readNumbers reads which members of the JSON are written as numbers. Each of them is the target or a part of it, because
// nothing else is known to be one.
func (b *body) readNumbers(v *document.Value) {
	for _, item := range v.Items() {
		name := item.Text()
		i := slices.IndexFunc(b.json.children, func(n node) bool { return n.name == name })
		if i < 0 || len(b.json.children[i].text) != 1 || !b.json.children[i].uses(slotTarget) && !b.json.children[i].uses(partPrefix) {
			item.Fail("such as Id, where json is {Id: \"${target}\"}", "is no member of json that is ${target} or a part of it")
			continue
		}
		b.json.children[i].number = true
	}
}

// numberForm is a whole number that every reader of JSON can hold.
var numberForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})$`)

// numbered reports whether all that is written as a number is one.
func (b *body) numbered(v values) bool {
	return !slices.ContainsFunc(b.json.children, func(n node) bool { return n.number && !numberForm.MatchString(n.text.text(v)) })
}

// node is a value of a JSON body, whose members keep their order.
type node struct {
	kind     document.Kind
	name     string // in an object
	text     template
	number   bool   // the text is written without quotes
	literal  string // of a number, true, false or null
	children []node
}

func (s scope) node(v *document.Value) node {
	n := node{kind: v.Kind(), name: v.Name()}
	switch v.Kind() {
	case document.Object:
		for _, c := range v.Entries() {
			if strings.Contains(c.Name(), "${") {
				c.FailKey("a slot stands in a value", "is not a valid name")
			}
			n.children = append(n.children, s.node(c))
		}
	case document.List:
		for _, c := range v.Children() {
			n.children = append(n.children, s.node(c))
		}
	case document.Text:
		n.text = s.parse(v, inBody)
	case document.Null:
		n.literal = "null"
	default:
		if n.literal = v.Raw(); !json.Valid([]byte(n.literal)) {
			v.Fail("", "must be written as JSON writes it")
		}
	}
	return n
}

func (n *node) uses(prefix string) bool {
	return n.text.uses(prefix) || slices.ContainsFunc(n.children, func(c node) bool { return c.uses(prefix) })
}

func (b *body) uses(prefix string) bool {
	return b.json.uses(prefix) || slices.ContainsFunc(b.fields, func(f field) bool { return f.value.uses(prefix) })
}

// content writes the body, and names its type.
func (b *body) content(v values) (content []byte, kind string) {
	switch b.kind {
	case formBody:
		return []byte(encode(b.fields, v)), "application/x-www-form-urlencoded"
	case jsonBody:
		var buffer bytes.Buffer
		b.json.write(&buffer, v)
		return buffer.Bytes(), "application/json"
	case multipartBody:
		return b.multipart(v)
	default:
		return nil, ""
	}
}

func (n *node) write(b *bytes.Buffer, v values) {
	switch n.kind {
	case document.Object, document.List:
		open, end := "{", "}"
		if n.kind == document.List {
			open, end = "[", "]"
		}
		b.WriteString(open)
		for i, c := range n.children {
			if i > 0 {
				b.WriteByte(',')
			}
			if n.kind == document.Object {
				b.Write(quote(c.name))
				b.WriteByte(':')
			}
			c.write(b, v)
		}
		b.WriteString(end)
	case document.Text:
		if text := n.text.text(v); n.number {
			b.WriteString(text)
		} else {
			b.Write(quote(text))
		}
	default:
		b.WriteString(n.literal)
	}
}

// quote writes a string of JSON.
func quote(text string) []byte {
	quoted, _ := json.Marshal(text) // a string always marshals
	return quoted
}

// multipart writes multipart/form-data. The boundary is a hash of what it separates, so that the same call is the same
// request; it occurs in none of the values.
func (b *body) multipart(v values) (content []byte, kind string) {
	hash := sha256.New()
	texts := make([]string, len(b.fields))
	for i, f := range b.fields {
		texts[i] = f.value.text(v)
		hash.Write([]byte(f.name + "\x00" + texts[i] + "\x00"))
	}
	boundary := "keyturn-" + hex.EncodeToString(hash.Sum(nil))[:32]
	var buffer bytes.Buffer
	for i, f := range b.fields {
		buffer.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + f.name + "\"\r\n\r\n" + texts[i] + "\r\n")
	}
	buffer.WriteString("--" + boundary + "--\r\n")
	return buffer.Bytes(), "multipart/form-data; boundary=" + boundary
}
