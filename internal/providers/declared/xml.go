package declared

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"keyturn/internal/providers/lenient"
)

var errMixed = errors.New("the answer has text between elements")

// decodeXML reads one whole document: a map of the root's name to what it holds. An element that comes several times in
// another is a list. Attributes and namespaces do not count.
func decodeXML(body []byte) (tree, error) {
	d := lenient.XMLDecoder(body)
	var root map[string]tree
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if root != nil {
				return nil, errMore
			}
			inside, err := element(d, 1)
			if err != nil {
				return nil, err
			}
			root = map[string]tree{token.Name.Local: inside}
		case xml.CharData:
			if !blank(token) {
				return nil, errMore
			}
		}
	}
}

// element reads up to the end of an element: a text, or a map of the elements in it.
func element(d *xml.Decoder, depth int) (tree, error) {
	if depth > deepest {
		return nil, errDeep
	}
	var text strings.Builder
	inside := map[string]tree{}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			one, err := element(d, depth+1)
			if err != nil {
				return nil, err
			}
			add(inside, token.Name.Local, one)
		case xml.EndElement:
			switch {
			case len(inside) == 0:
				return strings.TrimSpace(text.String()), nil
			case !blank([]byte(text.String())):
				return nil, errMixed
			}
			return inside, nil
		}
	}
}

// add puts an element beside those of its name.
func add(inside map[string]tree, name string, one tree) {
	switch before := inside[name].(type) {
	case nil:
		inside[name] = one
	case []tree:
		inside[name] = append(before, one)
	default:
		inside[name] = []tree{before, one}
	}
}

func blank(text []byte) bool { return strings.TrimSpace(string(text)) == "" }

// decodeText reads an answer that is nothing but a text, which then stands at the path "text".
func decodeText(body []byte) (tree, error) {
	return map[string]tree{"text": strings.TrimSpace(lenient.Plain(body))}, nil
}
