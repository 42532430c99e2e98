// Package sendgrid is the stand-in of Twilio SendGrid.
package sendgrid

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
)

// Code names the provider.
const Code = "sendgrid"

const (
	// scope is the right to send mail, which SMTP asks for.
	scope = "mail.send"
	// login is the SMTP user name of every key.
	login = "apikey"
	// maxKeys is how many an account may have, the one that calls included.
	maxKeys = 100

	// own is the id of the key that calls, and ownName its name.
	own, ownName = "8Vc2rM1PQpeZ4kCw0tVw7g", "keyturn"

	path = "/v3/api_keys"
)

// StandIn describes the stand-in, whose limit is a guess: no page has the real one's numbers. Its targets are keys, as
// mail.send/ID.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: own, Secret: "SG." + own + ".test-secret"}, Rate: core.Rate{Requests: 10, Per: time.Second}, TellsWait: true,
		Ports:   core.Ports{API: 24, SMTP: 25},
		Targets: []core.Target{{Target: scope + "/qfTQ6KG0QBiwWdJ0-pCLCA", Username: "Mail Send"}},
		Unknown: scope + "/unknown", Username: login,
		Check: checkTarget, Names: func(core.Record) []string { return []string{login} },
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) { return service{s}.open, nil },
	}
}

var idShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkTarget wants mail.send/ID; the user name is the key's name.
func checkTarget(t core.Target) (core.Target, error) {
	id, ok := strings.CutPrefix(t.Target, scope+"/")
	if !ok || !idShape.MatchString(id) {
		return t, fmt.Errorf("target %q is not %s/ID", t.Target, scope)
	}
	return t, nil
}

// service is the API.
type service struct{ *core.Service }

func (s service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	account := s.LogIn(own, token)
	if account == nil {
		rep := failure(reasons[core.OutUnauthorized], core.OutUnauthorized)
		return nil, &rep
	}
	c := &core.Call{Account: account, Target: scope, Refuse: s.refuse}
	rest, ours := strings.CutPrefix(r.URL.Path, path)
	id, one := strings.CutPrefix(rest, "/")
	switch {
	case ours && rest == "" && r.Method == http.MethodPost:
		c.Op, c.Changes = "CreateApiKey", true
		c.Do = func(lag time.Duration) core.Reply { return s.create(r, body, lag) }
	case ours && rest == "" && r.Method == http.MethodGet:
		c.Op, c.Do = "ListApiKey", func(time.Duration) core.Reply { return s.list() }
	case ours && one && idShape.MatchString(id) && r.Method == http.MethodDelete:
		c.Op, c.Changes, c.Also = "DeleteApiKey", true, []string{scope + "/" + id}
		c.Do = func(time.Duration) core.Reply { return s.delete(id) }
	default:
		rep := failure(reasons[core.OutUnknown], core.OutMalformed)
		return nil, &rep
	}
	return c, nil
}

// create makes a key. Names need not be unique.
func (s service) create(r *http.Request, body []byte, lag time.Duration) core.Reply {
	var in struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Name == "" || r.Header.Get("Content-Type") != "application/json" {
		return failure(reasons[core.OutMalformed], core.OutMalformed)
	}
	if len(s.Ledger.List(scope+"/"))+1 >= maxKeys {
		return failure(full, core.OutRejected)
	}
	id := random(16)
	key := "SG." + id + "." + random(32)
	if _, err := s.Ledger.Add(core.Target{Target: scope + "/" + id, Username: in.Name}); err != nil {
		return failure(reasons[core.OutFailed], core.OutFailed)
	}
	if in.Scopes == nil || slices.Contains(in.Scopes, scope) { // without scopes it may do everything
		if _, result := s.Ledger.Set(scope+"/"+id, key, lag); result != core.OutAccepted {
			return failure(reasons[core.OutFailed], core.OutFailed)
		}
	}
	return core.JSONReply(http.StatusCreated, map[string]any{"api_key": key, "api_key_id": id, "name": in.Name, "scopes": in.Scopes}, core.OutAccepted)
}

// random is text of so many random bytes.
func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func (s service) list() core.Reply {
	type key struct {
		Name string `json:"name"`
		ID   string `json:"api_key_id"`
	}
	all := []key{{ownName, own}}
	for _, r := range s.Ledger.List(scope + "/") {
		all = append(all, key{r.Username, strings.TrimPrefix(r.Target, scope+"/")})
	}
	return core.JSONReply(http.StatusOK, map[string][]key{"result": all}, core.OutRead)
}

func (s service) delete(id string) core.Reply {
	if _, known := s.Ledger.Get(scope + "/" + id); !known {
		return failure(reasons[core.OutUnknown], core.OutUnknown)
	}
	if err := s.Ledger.Remove(scope + "/" + id); err != nil {
		return failure(reasons[core.OutFailed], core.OutFailed)
	}
	return core.Reply{Status: http.StatusNoContent, Outcome: core.OutAccepted}
}
