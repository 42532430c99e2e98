// Package mailu is the stand-in of a Mailu server.
package mailu

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
)

// Code names the provider.
const Code = "mailu"

// op is the only call that the sandbox knows.
// https://github.com/Mailu/Mailu/blob/master/core/admin/mailu/api/v1/user.py (PATCH /api/v1/user/{email})
const (
	op     = "update_user"
	prefix = "/api/v1/user/"
)

// keyID is what the sandbox calls the only token: a server has one, without a name.
const keyID = "token"

// StandIn describes the stand-in, whose limit is a guess: Mailu has none for whom it knows.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: keyID, Secret: "test-token"}, Rate: core.Rate{Requests: 50, Per: time.Second},
		Ports:   core.Ports{API: 21, SMTP: 22},
		Targets: []core.Target{{Target: "alerts@example.com"}}, Unknown: "unknown@example.com", Username: "alerts@example.com",
		AnyPassword: true, Check: core.CheckAddress, Names: core.OwnName,
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) { return service{s}.open, nil },
	}
}

// service is the API.
type service struct{ *core.Service }

func (m service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	refused := func(rep core.Reply) (*core.Call, *core.Reply) { return nil, &rep }
	token := r.Header.Get("Authorization")
	if token == "" {
		return refused(failure(core.Because(http.StatusUnauthorized, "", "A valid Authorization header is mandatory"), core.OutUnauthorized))
	}
	account := m.LogIn(keyID, strings.TrimPrefix(token, "Bearer "))
	if account == nil {
		return refused(failure(reasons[core.OutUnauthorized], core.OutUnauthorized))
	}
	email, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok || r.Method != http.MethodPatch {
		return refused(failure(core.Because(http.StatusNotFound, "", "The requested URL was not found on the server."), core.OutMalformed))
	}
	if _, err := core.CheckAddress(core.Target{Target: email}); err != nil {
		return refused(answer(http.StatusBadRequest, "Provided email address "+email+" is not a valid email address", core.OutMalformed))
	}
	var in struct {
		Password *string `json:"raw_password"`
	}
	if err := json.Unmarshal(body, &in); err != nil || r.Header.Get("Content-Type") != "application/json" {
		return refused(failure(reasons[core.OutMalformed], core.OutMalformed))
	}
	return &core.Call{
		Op: op, Target: email, Changes: true, Account: account, Refuse: refuse,
		Do: func(lag time.Duration) core.Reply { return m.update(email, in.Password, lag) },
	}, nil
}

// update changes what is given, which may be nothing.
func (m service) update(email string, password *string, lag time.Duration) core.Reply {
	if _, known := m.Ledger.Get(email); !known {
		return answer(http.StatusNotFound, "User "+email+" cannot be found", core.OutUnknown)
	}
	result := core.OutRead
	if password != nil {
		if _, result = m.Ledger.Set(email, *password, lag); result != core.OutAccepted {
			return failure(reasons[result], result)
		}
	}
	return answer(http.StatusOK, "User "+email+" has been updated", result)
}
