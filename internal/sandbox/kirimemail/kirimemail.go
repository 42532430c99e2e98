// Package kirimemail is the stand-in of KIRIM.EMAIL.
package kirimemail

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/core"
)

// Code names the provider.
const Code = "kirimemail"

// StandIn describes the stand-in, whose limit is generous: no page names the real one.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: "api", Secret: "test-token"}, Rate: core.Rate{Requests: 1200, Per: time.Minute}, TellsWait: true,
		Ports:   core.Ports{API: 4, SMTP: 8},
		Targets: []core.Target{{Target: "example.com/92703823-f3a4-48e2-8e87-7adf25454800", Username: "myuser"}},
		Unknown: "example.com/00000000-0000-4000-8000-000000000000", Username: "myuser@example.com",
		Faults: []core.OwnFault{{Kind: core.NotSynced, Lags: true, Spoil: sayNotSynced}},
		Check:  checkTarget, Names: names,
		Options: []string{maxCredentials}, Open: open,
	}
}

var guidShape = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// checkTarget wants DOMAIN/GUID; the user name defaults to one made of the GUID.
func checkTarget(t core.Target) (core.Target, error) {
	t.Target = strings.ToLower(t.Target)
	domain, guid, _ := strings.Cut(t.Target, "/")
	if !core.IsDomain(domain) || !guidShape.MatchString(guid) {
		return t, fmt.Errorf("target %q is not DOMAIN/GUID", t.Target)
	}
	if t.Username == "" {
		t.Username = "user-" + strings.ReplaceAll(guid, "-", "")
	}
	return t, nil
}

// names are the SMTP user names of a credential: with and without its domain.
func names(r core.Record) []string {
	domain, _, _ := strings.Cut(r.Target, "/")
	return []string{strings.ToLower(r.Username + "@" + domain), strings.ToLower(r.Username)}
}

func sayNotSynced(rep core.Reply) core.Reply {
	rep.Body = bytes.ReplaceAll(rep.Body, []byte(`"remote_synced":true`), []byte(`"remote_synced":false`))
	return rep
}

// maxCredentials is how many a domain may have: a number, or any number.
const maxCredentials = "max_credentials"

// service is the API.
type service struct {
	*core.Service
	most int
}

func open(s *core.Service, o core.Options) (core.Opener, error) {
	k := service{Service: s, most: math.MaxInt}
	if text, given := o[maxCredentials]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s %q is not a number of credentials", maxCredentials, text)
		}
		k.most = n
	}
	return k.open, nil
}

func (k service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	user, token, _ := r.BasicAuth()
	account := k.LogIn(user, token)
	if account == nil {
		rep := failure(reasons[core.OutUnauthorized], core.OutUnauthorized)
		return nil, &rep
	}
	c := &core.Call{Account: account}
	c.Refuse = func(why core.Refusal) core.Reply { return k.refuse(c, why) }
	domain, guid, action, ok := takeApart(r.URL.Path)
	c.Target = domain + "/" + guid
	var do func(lag time.Duration) core.Reply
	switch {
	case !ok:
		return k.fixed(c, noEndpoint, core.OutMalformed)
	case guid == "" && r.Method == http.MethodGet:
		c.Op, c.Target, do = "list", "", func(time.Duration) core.Reply { return k.list(domain, r) }
	case guid == "" && r.Method == http.MethodPost:
		c.Op, c.Target, c.Changes, do = "create", domain, true, func(time.Duration) core.Reply { return k.create(domain, body) }
	case action == "reset-password" && r.Method == http.MethodPut:
		c.Op, c.Changes, do = "reset-password", true, func(lag time.Duration) core.Reply { return k.reset(c.Target, lag) }
	case guid != "" && action == "" && r.Method == http.MethodGet:
		c.Op, do = "get", func(time.Duration) core.Reply { return k.get(c.Target) }
	case guid != "" && action == "" && r.Method == http.MethodDelete:
		c.Op, c.Changes, do = "delete", true, func(time.Duration) core.Reply { return k.delete(c.Target) }
	default:
		return k.fixed(c, badMethod, core.OutMalformed)
	}
	c.Do = func(lag time.Duration) core.Reply { return limits(c, do(lag)) }
	return c, nil
}

// fixed is a call that is refused whatever its account's window says.
func (k service) fixed(c *core.Call, why core.Reason, o core.Outcome) (*core.Call, *core.Reply) {
	c.Do = func(time.Duration) core.Reply { return limits(c, failure(why, o)) }
	return c, nil
}

// takeApart takes /api/domains/{domain}/credentials[/{guid}[/reset-password]] apart.
func takeApart(path string) (domain, guid, action string, ok bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 4 || len(parts) > 6 || parts[0] != "api" || parts[1] != "domains" || parts[3] != "credentials" {
		return "", "", "", false
	}
	parts = append(parts, "", "")
	return strings.ToLower(parts[2]), parts[4], parts[5], parts[2] != "" && (parts[5] == "" || parts[5] == "reset-password")
}

// missing tells a credential of another domain from none at all.
func (k service) missing(target string) core.Reply {
	domain, guid, _ := strings.Cut(target, "/")
	if len(k.Ledger.List(domain+"/")) == 0 {
		return failure(noDomain, core.OutUnknown)
	}
	for _, r := range k.Ledger.List("") {
		if strings.HasSuffix(r.Target, "/"+guid) {
			return failure(otherDomain, core.OutUnknown)
		}
	}
	return failure(reasons[core.OutUnknown], core.OutUnknown)
}

func (k service) reset(target string, lag time.Duration) core.Reply {
	password := rand.Text()
	r, result := k.Ledger.Set(target, password, lag)
	switch result {
	case core.OutAccepted:
		return core.JSONReply(http.StatusOK, map[string]any{
			"success": true,
			"message": "Password reset successfully.",
			"data": map[string]any{
				"credential":    asCredential(r),
				"new_password":  password,
				"strength_info": map[string]any{"strength": "strong", "score": 9},
				"remote_synced": true,
			},
		}, core.OutAccepted)
	case core.OutUnknown:
		return k.missing(target)
	default:
		return failure(reasons[core.OutFailed], core.OutFailed)
	}
}

func (k service) get(target string) core.Reply {
	r, ok := k.Ledger.Get(target)
	if !ok {
		return k.missing(target)
	}
	return core.JSONReply(http.StatusOK, map[string]any{"success": true, "data": asCredential(r)}, core.OutRead)
}

func (k service) delete(target string) core.Reply {
	if _, ok := k.Ledger.Get(target); !ok {
		return k.missing(target)
	}
	if err := k.Ledger.Remove(target); err != nil {
		return failure(reasons[core.OutFailed], core.OutFailed)
	}
	return core.JSONReply(http.StatusOK, map[string]any{"success": true, "message": "Credential deleted successfully."}, core.OutAccepted)
}

func (k service) create(domain string, body []byte) core.Reply {
	var in struct {
		Username string `json:"username"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Username == "" || strings.ContainsAny(in.Username, "@/ \r\n") {
		return failure(reasons[core.OutMalformed], core.OutMalformed)
	}
	present := k.Ledger.List(domain + "/")
	if len(present) == 0 {
		return failure(noDomain, core.OutUnknown)
	}
	for _, r := range present {
		if strings.EqualFold(r.Username, in.Username) {
			return failure(taken, core.OutMalformed)
		}
	}
	if len(present) >= k.most {
		return failure(full, core.OutRejected)
	}
	password := rand.Text()
	added, err := k.Ledger.Add(core.Target{Target: domain + "/" + uuid.NewString(), Username: in.Username, Password: password})
	if err != nil {
		return failure(reasons[core.OutFailed], core.OutFailed)
	}
	return core.JSONReply(http.StatusCreated, map[string]any{
		"success": true,
		"message": "Credential created successfully.",
		"data": map[string]any{
			"credential": asCredential(added[0]), "password": password, "remote_synced": true,
		},
	}, core.OutAccepted)
}
