package kirimemail

import (
	"bytes"
	"encoding/json"
	"strings"

	"keyturn/internal/providers/lenient"
)

// envelope is every answer; an error has a message instead of data.
type envelope struct {
	Success lenient.Flag    `json:"success"`
	Data    json.RawMessage `json:"data"`
}

// credential is an SMTP credential of a domain. Both are lenient, because PHP makes numbers of texts that look like one.
type credential struct {
	GUID     lenient.String `json:"user_smtp_guid"`
	Username lenient.String `json:"username"`
}

// login is what a program logs in with: the list leaves the domain out.
func (c credential) login(domain string) string {
	if name := string(c.Username); strings.Contains(name, "@") {
		return name
	}
	return string(c.Username) + "@" + domain
}

// credentialPage is the data of a list: a bare array by the page of the call, one beside its pagination in practice.
type credentialPage []credential

// UnmarshalJSON accepts both shapes.
func (p *credentialPage) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("[")) {
		return json.Unmarshal(text, (*[]credential)(p))
	}
	var paged struct {
		Data *[]credential `json:"data"`
	}
	if err := json.Unmarshal(text, &paged); err != nil {
		return err
	}
	if paged.Data == nil {
		return errShape
	}
	*p = *paged.Data
	return nil
}
