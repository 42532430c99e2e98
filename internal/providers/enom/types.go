package enom

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"regexp"
	"strconv"
	"strings"

	"keyturn/internal/providers/lenient"
)

// fields are the values of an answer by their lower-case names. What XML repeats is numbered as in the other two
// formats: responsenumber1, responsenumber2.
type fields map[string]string

// numbered returns name1, name2 and so on.
func (f fields) numbered(name string) []string {
	var values []string
	for i := 1; ; i++ {
		value, ok := f[name+strconv.Itoa(i)]
		if !ok {
			return values
		}
		values = append(values, value)
	}
}

var errFormat = errors.New("not an answer of eNom's interface")

// parse reads the three formats that the interface speaks. keyturn asks for XML; the others come from a server that did
// not get as far as reading the request.
func parse(body []byte) (fields, error) {
	text := lenient.Plain(body)
	switch {
	case strings.HasPrefix(text, "<") && strings.Contains(text, "<interface-response"):
		return parseXML(body)
	case strings.Contains(text, "<STRONG>"):
		return parseLines(html.UnescapeString(tag.ReplaceAllString(text, "")), ":"), nil
	case strings.HasPrefix(text, "<"), text == "":
		return nil, errFormat
	default:
		return parseLines(text, "="), nil
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// parseLines reads "Name=value" or "Name: value"; lines that begin with a semicolon are comments.
func parseLines(text, separator string) fields {
	f := fields{}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(strings.TrimSpace(line), separator)
		if found && !strings.HasPrefix(name, ";") {
			f.set(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value))
		}
	}
	return f
}

// parseXML collects the text of every innermost element of one interface-response, which must be the only root element.
func parseXML(body []byte) (fields, error) {
	decoder := lenient.XMLDecoder(body)
	f, seen := fields{}, map[string]int{}
	var text strings.Builder
	for depth, roots := 0, 0; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && depth == 0 && roots == 1 {
			return f, nil
		}
		if err != nil {
			return nil, errFormat
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if roots > 1 || depth == 0 && !strings.EqualFold(token.Name.Local, "interface-response") {
				return nil, errFormat
			}
			depth++
			text.Reset()
		case xml.CharData:
			if depth == 0 && strings.TrimSpace(string(token)) != "" {
				return nil, errFormat
			}
			text.Write(token)
		case xml.EndElement:
			depth--
			f.add(seen, strings.ToLower(token.Name.Local), strings.TrimSpace(text.String()))
			text.Reset()
		}
	}
}

// add numbers the elements of a list; the text formats have done so themselves.
func (f fields) add(seen map[string]int, name, value string) {
	if name == "responsenumber" || name == "responsestring" {
		seen[name]++
		name += strconv.Itoa(seen[name])
	}
	f.set(name, value)
}

// set notes a field. An answer that contradicts itself about its success counts as saying nothing.
func (f fields) set(name, value string) {
	if was, twice := f[name]; twice && was != value && (name == "errcount" || name == "done") {
		value = ""
	}
	f[name] = value
}
