package alibabadomain

import (
	"bytes"
	"encoding/json"
	"strings"

	"keyturn/internal/providers/lenient"
)

// response is every answer; an error has a Code and no lists. The names are matched without regard to case, because
// the seed of 2018 spells them successList and today's page SuccessList.
type response struct {
	RequestID   lenient.String `json:"RequestId" xml:"RequestId"`
	Code        string
	SuccessList list
	ExistList   list
	FailList    list
}

func (r response) empty() bool {
	return len(r.SuccessList.SendResult)+len(r.ExistList.SendResult)+len(r.FailList.SendResult) == 0
}

// list is one of the lists of an answer.
type list struct {
	SendResult []sendResult
}

// sendResult is the result of one address.
type sendResult struct {
	Email string
	Code  string
}

// UnmarshalJSON accepts a bare array, an array under SendResult, a single object there, and nothing at all.
func (l *list) UnmarshalJSON(text []byte) error {
	switch {
	case bytes.HasPrefix(text, []byte("[")):
		return json.Unmarshal(text, &l.SendResult)
	case !bytes.HasPrefix(text, []byte("{")):
		return nil // null and "" stand for an empty list
	}
	var wrapper struct{ SendResult json.RawMessage }
	if err := json.Unmarshal(text, &wrapper); err != nil || wrapper.SendResult == nil {
		return err
	}
	if bytes.HasPrefix(wrapper.SendResult, []byte("{")) {
		l.SendResult = make([]sendResult, 1)
		return json.Unmarshal(wrapper.SendResult, &l.SendResult[0])
	}
	return json.Unmarshal(wrapper.SendResult, &l.SendResult)
}

// decode reads either format: JSON is asked for, XML is what the service falls back to.
func decode(body []byte) (response, error) {
	var r response
	if strings.HasPrefix(lenient.Plain(body), "<") {
		err := lenient.XML(body, &r)
		return r, err
	}
	err := lenient.JSON(body, &r)
	return r, err
}
