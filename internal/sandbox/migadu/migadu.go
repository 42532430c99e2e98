// Package migadu is the stand-in of Migadu.
package migadu

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/rule"
)

// Code names the provider.
const Code = "migadu"

// op is the only call that the sandbox knows: PUT /domains/{domain}/mailboxes/{local part}.
// https://migadu.com/api
const op = "update-mailbox"

// StandIn describes the stand-in, whose limit and rule are guesses: the page has neither.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: "admin@example.com", Secret: "test-key"}, Rate: core.Rate{Requests: 5, Per: time.Second},
		Ports:   core.Ports{API: 36, SMTP: 37},
		Targets: []core.Target{{Target: "alerts@example.com"}}, Unknown: "unknown@example.com", Username: "alerts@example.com",
		Check: core.CheckAddress, Names: core.OwnName,
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) { return service{s}.open, nil },
	}
}

// service is the API.
type service struct{ *core.Service }

func (m service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	refused := func(why core.Reason, o core.Outcome) (*core.Call, *core.Reply) {
		rep := failure(why, o)
		return nil, &rep
	}
	user, key, _ := r.BasicAuth()
	account := m.LogIn(user, key)
	if account == nil {
		return refused(reasons[core.OutUnauthorized], core.OutUnauthorized)
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1"), "/") // "", domains, DOMAIN, mailboxes, LOCAL
	if len(parts) != 5 || parts[1] != "domains" || parts[3] != "mailboxes" || r.Method != http.MethodPut {
		return refused(core.Because(http.StatusNotFound, "", "not found"), core.OutMalformed)
	}
	var in struct {
		Password *string `json:"password"`
	}
	if err := json.Unmarshal(body, &in); err != nil || r.Header.Get("Content-Type") != "application/json" {
		return refused(reasons[core.OutMalformed], core.OutMalformed)
	}
	address := strings.ToLower(parts[4] + "@" + parts[2])
	return &core.Call{
		Op: op, Target: address, Changes: true, Account: account, Refuse: refuse,
		Do: func(lag time.Duration) core.Reply { return m.update(address, in.Password, lag) },
	}, nil
}

// update changes what is given, which may be nothing, and shows the mailbox.
func (m service) update(address string, password *string, lag time.Duration) core.Reply {
	if _, known := m.Ledger.Get(address); !known {
		return failure(reasons[core.OutUnknown], core.OutUnknown)
	}
	result := core.OutRead
	if password != nil {
		if !rule.Printable(*password, 8, 255) {
			return failure(reasons[core.OutRejected], core.OutRejected)
		}
		if _, result = m.Ledger.Set(address, *password, lag); result != core.OutAccepted {
			return failure(reasons[result], result)
		}
	}
	local, domain, _ := strings.Cut(address, "@")
	return core.JSONReply(http.StatusOK, map[string]any{
		"local_part": local, "domain": domain, "address": address, "name": local, "is_internal": false, "may_send": true,
		"password_method": "password",
	}, result)
}
