package enom

import (
	"bytes"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"regexp"
	"strconv"
	"strings"
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

var errFormat = errors.New("no answer of eNom's interface")

// parse reads the three formats that the interface speaks. XML is asked for; the others come from a server that has
// not come so far as to read the request.
func parse(body []byte) (fields, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case bytes.HasPrefix(body, []byte("<?xml")), bytes.HasPrefix(body, []byte("<interface-response")):
		return parseXML(body)
	case bytes.Contains(body, []byte("<STRONG>")):
		return parseLines(html.UnescapeString(tag.ReplaceAllString(string(body), "")), ":"), nil
	case bytes.HasPrefix(body, []byte("<")), len(body) == 0:
		return nil, errFormat
	default:
		return parseLines(string(body), "="), nil
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// parseLines reads "Name=value" or "Name: value"; lines that begin with a semicolon are comments.
func parseLines(text, separator string) fields {
	f := fields{}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(strings.TrimSpace(line), separator)
		if found && !strings.HasPrefix(name, ";") {
			f[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return f
}

// parseXML collects the text of every innermost element.
func parseXML(body []byte) (fields, error) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	// eNom has been seen to declare utf-16 above plain ASCII.
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	f, seen := fields{}, map[string]int{}
	var text strings.Builder
	for depth := 0; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && depth == 0 {
			return f, nil
		}
		if err != nil {
			return nil, errFormat
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			text.Reset()
		case xml.CharData:
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
	f[name] = value
}
