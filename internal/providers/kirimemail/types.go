package kirimemail

import (
	"bytes"
	"encoding/json"
)

// envelope is every answer; an error has a message instead of data.
type envelope struct {
	Success bool            `json:"success"`
	Data    json.RawMessage `json:"data"`
}

// resetResult is the data of a reset.
type resetResult struct {
	Credential  Credential `json:"credential"`
	NewPassword string     `json:"new_password"`
	// RemoteSynced tells whether the SMTP server knows the new password already. Absent counts as no.
	RemoteSynced bool `json:"remote_synced"`
}

// Credential is an SMTP credential of a domain.
type Credential struct {
	GUID     string `json:"user_smtp_guid"`
	Username string `json:"username"`
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
