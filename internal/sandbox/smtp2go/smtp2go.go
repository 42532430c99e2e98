// Package smtp2go is the stand-in of SMTP2GO.
package smtp2go

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/rule"
)

// Code names the provider.
const Code = "smtp2go"

// op is the only call that the sandbox knows.
// https://developers.smtp2go.com/reference/patch-an-smtp-user
const op = "patch-smtp-user"

// path is the same in every region.
const path = "/users/smtp/edit"

// keyID is what the sandbox calls the only key: the API has no name for it.
const keyID = "key"

// StandIn describes the stand-in, whose limit is a guess: no page names the real one.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: keyID, Secret: "test-key"}, Rate: core.Rate{Requests: 2, Per: time.Second},
		Ports:   core.Ports{API: 15, SMTP: 16},
		Targets: []core.Target{{Target: "alerts@example.com"}}, Unknown: "unknown@example.com", Username: "alerts@example.com",
		Check: checkUser, Names: core.OwnName,
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) { return service{s}.open, nil },
	}
}

func checkUser(t core.Target) (core.Target, error) {
	if !rule.Printable(t.Target, 5, 100) || strings.Contains(t.Target, " ") {
		return t, fmt.Errorf("target %q is no user name of 5 to 100 characters", t.Target)
	}
	return t, nil
}

// service is the API.
type service struct{ *core.Service }

func (s service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	refused := func(o core.Outcome) (*core.Call, *core.Reply) {
		rep := failure(reasons[o], o)
		return nil, &rep
	}
	account := s.LogIn(keyID, r.Header.Get("X-Smtp2go-Api-Key"))
	if account == nil {
		return refused(core.OutUnauthorized)
	}
	if r.Method != http.MethodPatch || strings.TrimPrefix(r.URL.Path, "/v3") != path {
		return refused(core.OutUnknown)
	}
	var in struct {
		Username string  `json:"username"`
		Password *string `json:"email_password"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Username == "" || r.Header.Get("Content-Type") != "application/json" {
		return refused(core.OutMalformed)
	}
	return &core.Call{
		Op: op, Target: in.Username, Changes: true, Account: account, Refuse: refuse,
		Do: func(lag time.Duration) core.Reply { return s.set(in.Username, in.Password, lag) },
	}, nil
}

// set changes the password, and makes one where none is given.
func (s service) set(username string, given *string, lag time.Duration) core.Reply {
	password := rand.Text()
	if given != nil {
		password = *given
	}
	result := core.OutUnknown
	if _, known := s.Ledger.Get(username); known {
		result = core.OutRejected
		if bits(password) >= 64 {
			_, result = s.Ledger.Set(username, password, lag)
		}
	}
	if result != core.OutAccepted {
		return failure(reasons[result], result)
	}
	return core.JSONReply(http.StatusOK, map[string]any{
		"request_id": "f3e50113-deb2-4e54-9675-2ea497c3732e",
		"data":       []map[string]string{{"username": username, "bounce_notifications": "from", "status": "allowed"}},
	}, core.OutAccepted)
}

// bits is the entropy of a random password with the classes of characters that this one has.
func bits(password string) float64 {
	size := 0
	for _, class := range []string{rule.Digits, rule.Lower, rule.Upper} {
		if rule.Count(password, class) > 0 {
			size += len(class)
		}
	}
	if rule.Count(password, rule.Digits+rule.Lower+rule.Upper) < len(password) {
		size += 33
	}
	return float64(len(password)) * math.Log2(float64(max(size, 1)))
}
