// Package ahasend is the stand-in of AhaSend.
package ahasend

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/core"
)

// Code names the provider.
const Code = "ahasend"

const (
	// keyID is what the sandbox calls the API key, which has no name in a request.
	keyID = "key"
	// owner is the account that the stand-in knows by default, and domain a domain of it.
	owner, domain = "3c90c3cc-0d44-4b50-8888-8dd25736052a", "mail.example.com"
	// pageSize is how many credentials a page has at most.
	pageSize = 100
)

// StandIn describes the stand-in. Its targets are credentials, as ACCOUNT/DOMAIN/ID; their user name in the state is the
// credential's name, and SMTP knows another one, which follows from the id.
func StandIn() core.StandIn {
	const id = "0194f7ac-2f6a-7d29-9f0c-9a27b19f2d1c"
	return core.StandIn{
		Code: Code, Key: core.Key{ID: keyID, Secret: "aha-sk-test"}, Rate: core.Rate{Requests: 100, Per: time.Second},
		Ports:   core.Ports{API: 33, SMTP: 34},
		Targets: []core.Target{{Target: owner + "/" + domain + "/" + id, Username: "Production SMTP"}},
		Unknown: owner + "/unknown.example.com/" + id, Username: login(id),
		Check: checkTarget, Names: func(r core.Record) []string { return []string{login(idOf(r))} },
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) {
			return (&service{Service: s, domains: map[string]bool{}, told: map[string]told{}}).open, nil
		},
	}
}

var idShape = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// checkTarget wants ACCOUNT/DOMAIN/ID.
func checkTarget(t core.Target) (core.Target, error) {
	parts := strings.Split(t.Target, "/")
	if len(parts) != 3 || !idShape.MatchString(parts[0]) || !core.IsDomain(parts[1]) || !idShape.MatchString(parts[2]) {
		return t, fmt.Errorf("target %q is not ACCOUNT/DOMAIN/ID", t.Target)
	}
	return t, nil
}

func idOf(r core.Record) string { return r.Target[strings.LastIndexByte(r.Target, '/')+1:] }

// login is the SMTP user name of a credential.
func login(id string) string { return "smtp-" + strings.ReplaceAll(id, "-", "") }

// service is the API of one account.
type service struct {
	*core.Service

	mu      sync.Mutex
	domains map[string]bool // ACCOUNT/DOMAIN/ that ever had a credential
	told    map[string]told // by idempotency key
}

func (s *service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	refused := func(why core.Reason, o core.Outcome) (*core.Call, *core.Reply) {
		rep := failure(why, o)
		return nil, &rep
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	key := s.LogIn(keyID, token)
	parts := strings.Split(r.URL.Path, "/") // "", v2, accounts, ACCOUNT, smtp-credentials, ID
	if len(parts) < 5 || len(parts) > 6 || parts[1] != "v2" || parts[2] != "accounts" || parts[4] != "smtp-credentials" {
		return refused(core.Because(http.StatusNotFound, "", "not found"), core.OutMalformed)
	}
	account := parts[3]
	switch {
	case !idShape.MatchString(account):
		return refused(core.Because(http.StatusBadRequest, "", "invalid account_id"), core.OutMalformed)
	case key == nil, account != owner && len(s.Ledger.List(account+"/")) == 0: // the key is of another account
		return refused(reasons[core.OutUnauthorized], core.OutUnauthorized)
	}
	c := &core.Call{Account: key, Target: account + "/" + domain, Refuse: refuse}
	switch {
	case len(parts) == 5 && r.Method == http.MethodPost:
		c.Op, c.Changes = "createSMTPCredential", true
		c.Do = func(lag time.Duration) core.Reply {
			return s.once(account, r, body, func() core.Reply { return s.create(account, body, lag) })
		}
	case len(parts) == 5 && r.Method == http.MethodGet:
		c.Op, c.Do = "getSMTPCredentials", func(time.Duration) core.Reply { return s.list(account, r) }
	case len(parts) == 6 && r.Method == http.MethodDelete:
		c.Op, c.Changes = "deleteSMTPCredential", true
		c.Do = func(time.Duration) core.Reply { return s.delete(account, parts[5]) }
	default:
		return refused(core.Because(http.StatusNotFound, "", "not found"), core.OutMalformed)
	}
	return c, nil
}

// create makes a credential of one domain. Names need not be unique.
func (s *service) create(account string, body []byte, lag time.Duration) core.Reply {
	var in struct {
		Name, Scope string
		Domains     []string
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Name == "" || in.Scope != "scoped" || len(in.Domains) != 1 {
		return failure(reasons[core.OutMalformed], core.OutMalformed)
	}
	place := account + "/" + in.Domains[0] + "/"
	if !s.knows(place) {
		return failure(reasons[core.OutUnknown], core.OutUnknown)
	}
	target, password := place+uuid.NewString(), rand.Text()
	added, err := s.Ledger.Add(core.Target{Target: target, Username: in.Name})
	if err == nil {
		if _, result := s.Ledger.Set(target, password, lag); result == core.OutAccepted {
			return core.JSONReply(http.StatusCreated, created{asCredential(added[0]), password}, core.OutAccepted)
		}
	}
	return failure(reasons[core.OutFailed], core.OutFailed)
}

// knows tells whether an account has a domain: one that had a credential once.
func (s *service) knows(place string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.Ledger.List(place)) > 0 {
		s.domains[place] = true
	}
	return s.domains[place]
}

// list answers one page, from the credential after the one that the cursor names.
func (s *service) list(account string, r *http.Request) core.Reply {
	size, ok := sizeOf(r.URL.Query().Get("limit"))
	if !ok {
		return failure(core.Because(http.StatusBadRequest, "", "limit must be between 1 and 100"), core.OutMalformed)
	}
	all := s.Ledger.List(account + "/")
	if after := r.URL.Query().Get("after"); after != "" {
		all = all[1+slices.IndexFunc(all, func(r core.Record) bool { return idOf(r) == after }):]
	}
	page := struct {
		Object     string       `json:"object"`
		Data       []credential `json:"data"`
		Pagination pagination   `json:"pagination"`
	}{"list", []credential{}, pagination{More: len(all) > size}}
	for _, r := range all[:min(size, len(all))] {
		page.Data = append(page.Data, asCredential(r))
	}
	if page.Pagination.More {
		page.Pagination.Next = page.Data[size-1].ID
	}
	return core.JSONReply(http.StatusOK, page, core.OutRead)
}

func (s *service) delete(account, id string) core.Reply {
	for _, r := range s.Ledger.List(account + "/") {
		if idOf(r) != id {
			continue
		}
		s.knows(strings.TrimSuffix(r.Target, id)) // it stays a domain without credentials
		if err := s.Ledger.Remove(r.Target); err != nil {
			return failure(reasons[core.OutFailed], core.OutFailed)
		}
		return core.JSONReply(http.StatusOK, map[string]string{"message": "SMTP credential deleted successfully"}, core.OutAccepted)
	}
	return failure(core.Because(http.StatusNotFound, "", "SMTP credential not found"), core.OutUnknown)
}
