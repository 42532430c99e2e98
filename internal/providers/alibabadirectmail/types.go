package alibabadirectmail

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
)

// response is every answer, in JSON or XML; an error has a Code and no Success.
type response struct {
	RequestID string `json:"RequestId" xml:"RequestId"`
	Code      string
	Success   flag
}

// flag is "true", "false" or "" where it is missing. The pages show true and "true".
type flag string

// UnmarshalJSON accepts a boolean and a string.
func (f *flag) UnmarshalJSON(text []byte) error {
	*f = flag(strings.ToLower(strings.Trim(string(text), `"`)))
	return nil
}

// decode reads either format: JSON is asked for, XML is what the service falls back to.
func decode(body []byte) (response, error) {
	var r response
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		err := xml.Unmarshal(body, &r)
		return r, err
	}
	err := json.Unmarshal(body, &r)
	return r, err
}
