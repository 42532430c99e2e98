package lenient

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
)

// JSON decodes body, which must be one whole document once its wrapping is off.
func JSON(body []byte, into any) error { return json.Unmarshal([]byte(Plain(body)), into) }

var errBehind = errors.New("there is text after the document")

// XML decodes body in the same way.
func XML(body []byte, into any) error {
	d := XMLDecoder(body)
	if err := d.Decode(into); err != nil {
		return err
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if text, isText := token.(xml.CharData); err != nil || !isText || strings.TrimSpace(string(text)) != "" {
			return errBehind
		}
	}
}

// bareAmpersand is an ampersand that begins no entity of XML.
var bareAmpersand = regexp.MustCompile(`&(?:(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);)?`)

// XMLDecoder reads body as Plain returns it: it is UTF-8, whatever its first line declares, and its ampersands need no
// escape. It is strict in everything else, so that an element without an end is an error.
func XMLDecoder(body []byte) *xml.Decoder {
	text := bareAmpersand.ReplaceAllStringFunc(Plain(body), func(found string) string {
		if found == "&" {
			return "&amp;"
		}
		return found
	})
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}

// Flag is "true", "false", or "" if it is missing or means neither.
type Flag string

// ParseFlag reads the spellings of a boolean that services use.
func ParseFlag(text string) Flag {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "1", "yes", "y", "on":
		return "true"
	case "false", "0", "no", "n", "off":
		return "false"
	}
	return ""
}

// UnmarshalJSON accepts a boolean, a number and a string. A value that means neither is not an error here: the caller
// sees "".
func (f *Flag) UnmarshalJSON(text []byte) error {
	*f = ParseFlag(strings.Trim(string(text), `"`))
	return nil
}

// UnmarshalText is UnmarshalJSON for XML.
func (f *Flag) UnmarshalText(text []byte) error {
	*f = ParseFlag(string(text))
	return nil
}

// String is a text that may come as a number.
type String string

// UnmarshalJSON accepts a string, and the digits of a number as they stand.
func (s *String) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && (text[0] == '-' || '0' <= text[0] && text[0] <= '9') {
		*s = String(text)
		return nil
	}
	return json.Unmarshal(text, (*string)(s))
}
