package declared

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"keyturn/internal/providers/lenient"
)

// deepest is how deep an answer may be nested.
const deepest = 32

var (
	errDeep  = errors.New("the answer is nested too deep")
	errTwice = errors.New("the answer has a field twice")
	errMore  = errors.New("there is text behind the answer")
)

// tree is a decoded answer: a map, a list, a text, or nil. Numbers and booleans are the texts that stand there, so that
// nothing is lost in reading them.
type tree any

// decoders read an answer by the name of its decoder.
var decoders = map[string]func([]byte) (tree, error){"json": decodeJSON, "form": decodeForm, "xml": decodeXML, "text": decodeText}

// decodeJSON reads one whole document. A repeated field makes it ambiguous.
func decodeJSON(body []byte) (tree, error) {
	d := json.NewDecoder(strings.NewReader(lenient.Plain(body)))
	d.UseNumber()
	root, err := value(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errMore
	}
	return root, nil
}

func value(d *json.Decoder, depth int) (tree, error) {
	if depth > deepest {
		return nil, errDeep
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return list(d, depth)
		}
		return object(d, depth)
	case json.Number:
		return token.String(), nil
	case bool:
		return strconv.FormatBool(token), nil
	case string:
		return token, nil
	}
	return nil, nil //nolint:nilnil // null is a value
}

func list(d *json.Decoder, depth int) (tree, error) {
	all := []tree{}
	for d.More() {
		one, err := value(d, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	_, err := d.Token()
	return all, err
}

func object(d *json.Decoder, depth int) (tree, error) {
	all := map[string]tree{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		one, err := value(d, depth+1)
		if err != nil {
			return nil, err
		}
		key, _ := name.(string) // the decoder takes nothing else for a name
		if _, twice := all[key]; twice {
			return nil, errTwice
		}
		all[key] = one
	}
	_, err := d.Token()
	return all, err
}

// decodeForm reads name=value pairs, as some control panels answer.
func decodeForm(body []byte) (tree, error) {
	text := lenient.Plain(body)
	if !strings.Contains(text, "=") || strings.ContainsAny(text, "<>{}\"\r\n") {
		return nil, errMore
	}
	pairs, err := url.ParseQuery(text)
	if err != nil {
		return nil, err
	}
	all := map[string]tree{}
	for name, values := range pairs {
		if len(values) > 1 {
			return nil, errTwice
		}
		all[name] = values[0]
	}
	return all, nil
}

// path leads to values: names of fields, places in lists from 0, and * for every item of a list; where there is no list but
// one map, for that.
type path []string

var pathForm = regexp.MustCompile(`^(\*|[A-Za-z0-9_-]+)(\.(\*|[A-Za-z0-9_-]+)){0,7}$`)

func parsePath(text string) path { return strings.Split(text, ".") }

// find returns the values at a path. What is not there is nil, so that there is at least one.
func find(root tree, p path) []tree {
	if len(p) == 0 {
		return []tree{root}
	}
	switch root := root.(type) {
	case map[string]tree:
		if p[0] == "*" {
			return find(root, p[1:])
		}
		return find(root[p[0]], p[1:])
	case []tree:
		if p[0] != "*" {
			if i, err := strconv.Atoi(p[0]); err == nil && i >= 0 && i < len(root) {
				return find(root[i], p[1:])
			}
			break
		}
		var all []tree
		for _, item := range root {
			all = append(all, find(item, p[1:])...)
		}
		if len(all) > 0 {
			return all
		}
	}
	return []tree{nil}
}

// one returns the text at a path, if all that stands there is the same text.
func one(root tree, p path) string {
	found := find(root, p)
	text, _ := found[0].(string)
	for _, other := range found[1:] {
		if other != tree(text) {
			return ""
		}
	}
	return text
}
