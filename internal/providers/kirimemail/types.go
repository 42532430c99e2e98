package kirimemail

import (
	"bytes"
	"encoding/json"

	"keyturn/internal/providers/lenient"
)

// envelope is every answer; an error has a message instead of data.
type envelope struct {
	Success lenient.Flag    `json:"success"`
	Data    json.RawMessage `json:"data"`
}

// Credential is an SMTP credential of a domain.
type Credential struct {
	GUID     string `json:"user_smtp_guid"`
	Username string `json:"username"`
}

// UnmarshalJSON accepts numbers for both, which PHP makes of texts that look like one.
func (c *Credential) UnmarshalJSON(text []byte) error {
	var read struct {
		GUID     lenient.String `json:"user_smtp_guid"`
		Username lenient.String `json:"username"`
	}
	err := json.Unmarshal(text, &read)
	c.GUID, c.Username = string(read.GUID), string(read.Username)
	return err
}

// credentialPage is the data of a list: a bare array by the page of the call, one beside its pagination in practice.
type credentialPage []Credential

// UnmarshalJSON accepts both shapes.
func (p *credentialPage) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("[")) {
		return json.Unmarshal(text, (*[]Credential)(p))
	}
	var paged struct {
		Data *[]Credential `json:"data"`
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
