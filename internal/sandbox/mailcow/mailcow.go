// Package mailcow is the stand-in of a mailcow server.
package mailcow

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/rule"
)

// Code names the provider.
const Code = "mailcow"

// op is the only call that the sandbox knows.
// https://github.com/mailcow/mailcow-dockerized/blob/master/data/web/api/openapi.yaml (POST /api/v1/edit/mailbox)
const (
	op   = "edit-mailbox"
	path = "/api/v1/edit/mailbox"
)

// keyID is what the sandbox calls the only key: the API has no name for it.
const keyID = "key"

// StandIn describes the stand-in, whose limit is a guess: mailcow has none of its own.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: keyID, Secret: "TEST-KEY"}, Rate: core.Rate{Requests: 50, Per: time.Second},
		Ports:   core.Ports{API: 18, SMTP: 19},
		Targets: []core.Target{{Target: "alerts@example.com"}}, Unknown: "unknown@example.com", Username: "alerts@example.com",
		Check: core.CheckAddress, Names: core.OwnName,
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) { return service{s}.open, nil },
	}
}

// service is the API.
type service struct{ *core.Service }

// input is the body of the call.
type input struct {
	Attributes struct {
		Password, Password2 string
	} `json:"attr"`
	Items []string `json:"items"`
}

func (m service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	refused := func(why core.Reason, o core.Outcome) (*core.Call, *core.Reply) {
		rep := failure(why, o)
		return nil, &rep
	}
	account := m.LogIn(keyID, r.Header.Get("X-API-Key"))
	if account == nil {
		return refused(reasons[core.OutUnauthorized], core.OutUnauthorized)
	}
	if r.Method != http.MethodPost || r.URL.Path != path {
		return refused(core.Because(http.StatusNotFound, "route not found", ""), core.OutMalformed)
	}
	var in input
	if err := json.Unmarshal(body, &in); err != nil || r.Header.Get("Content-Type") != "application/json" {
		return refused(reasons[core.OutMalformed], core.OutMalformed)
	}
	if len(in.Items) != 1 {
		return refused(core.Because(http.StatusBadRequest, "This stand-in changes one mailbox at a time.", ""), core.OutMalformed)
	}
	mailbox := strings.ToLower(in.Items[0])
	return &core.Call{
		Op: op, Target: mailbox, Changes: true, Account: account, Refuse: refuse,
		Do: func(lag time.Duration) core.Reply {
			return m.set(mailbox, in.Attributes.Password, in.Attributes.Password2, lag)
		},
	}, nil
}

func (m service) set(mailbox, password, again string, lag time.Duration) core.Reply {
	result := core.OutUnknown
	if _, known := m.Ledger.Get(mailbox); known {
		result = core.OutRejected
		switch {
		case legal(password) && password != again:
			return failure(core.Because(http.StatusOK, "password_mismatch", ""), result)
		case legal(password):
			_, result = m.Ledger.Set(mailbox, password, lag)
		}
	}
	if result != core.OutAccepted {
		return failure(reasons[result], result)
	}
	return core.JSONReply(http.StatusOK, []said{{
		Type:    "success",
		Log:     []any{"mailbox", "edit", "mailbox", map[string]any{"password": "*", "password2": "*", "username": []string{mailbox}}, nil},
		Message: []string{"mailbox_modified", mailbox},
	}}, core.OutAccepted)
}

// legal is a policy as a server may have it: 8 characters, letters of both cases and digits.
func legal(p string) bool {
	return rule.Printable(p, 8, 255) && rule.Count(p, rule.Digits) > 0 && rule.Count(p, rule.Lower) > 0 && rule.Count(p, rule.Upper) > 0
}
