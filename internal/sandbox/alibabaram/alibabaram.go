// Package alibabaram is the stand-in of Alibaba Cloud RAM's access keys.
package alibabaram

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/alibabacloud"
	"keyturn/internal/sandbox/core"
)

// Code names the provider.
const Code = "alibaba-ram"

const version = "2015-05-01"

// The actions that the sandbox knows.
// https://www.alibabacloud.com/help/en/ram/developer-reference/api-ram-2015-05-01-createaccesskey
const (
	opCreate = "CreateAccessKey"
	opUpdate = "UpdateAccessKey"
	opDelete = "DeleteAccessKey"
	opList   = "ListAccessKeys"
)

// StandIn describes the stand-in, whose limit is a guess: no page names the real one. Its targets are keys, as USER/ID.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Cloud: alibabacloud.Cloud, Key: core.Key{ID: "LTAI5tSandboxKeyturnTest", Secret: "testsecret"}, Rate: core.Rate{Requests: 5, Per: time.Second},
		Ports:   core.Ports{API: 39},
		Targets: []core.Target{{Target: "app-uploads/LTAI5tStandsFromTheStart"}}, Unknown: "another-user/LTAI5tStandsFromTheStart",
		Check: checkTarget, Open: open,
	}
}

var (
	userShape = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	idShape   = regexp.MustCompile(`^[A-Za-z0-9]{16,30}$`)
)

const longestUser = 64

// checkTarget wants USER/ID.
func checkTarget(t core.Target) (core.Target, error) {
	user, id, ok := strings.Cut(t.Target, "/")
	if !ok || !userShape.MatchString(user) || len(user) > longestUser || !idShape.MatchString(id) {
		return t, fmt.Errorf("target %q is not USER/ACCESS-KEY-ID", t.Target)
	}
	return t, nil
}

// product is RAM behind the gateway.
type product struct {
	alibabacloud.Gateway
	keys *accesskey.Keys
}

func open(s *core.Service, _ core.Options) (core.Opener, error) {
	keys := accesskey.Of(s.Ledger)
	s.Lend(keys.Caller)
	return product{alibabacloud.New(s), keys}.open, nil
}

func (p product) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	op := r.Header.Get("X-Acs-Action")
	if !slices.Contains([]string{opCreate, opUpdate, opDelete, opList}, op) {
		op = opCreate // which the gateway then misses
	}
	in, refused := p.Enter(r, body, op, version)
	if refused != nil {
		return nil, refused
	}
	user, id := in.Get("UserName"), in.Get("UserAccessKeyId")
	refuse := func(why core.Reason) (*core.Call, *core.Reply) {
		rep := in.Fault(why, core.OutMalformed)
		return nil, &rep
	}
	switch {
	case user == "": // then the caller is meant, whose keys are no one's to rotate here
		return refuse(alibabacloud.Missing("UserName"))
	case len(user) > longestUser:
		return refuse(longUser)
	case !userShape.MatchString(user):
		return refuse(oddUser)
	case (op == opUpdate || op == opDelete) && id == "":
		return refuse(alibabacloud.Missing("UserAccessKeyId"))
	case op == opUpdate && !slices.Contains([]string{accesskey.Active, accesskey.Inactive}, in.Get("Status")):
		return refuse(alibabacloud.Missing("Status"))
	}
	c := &core.Call{Op: op, Target: user, Changes: op != opList, Account: in.Account}
	if id != "" {
		c.Also = []string{user + "/" + id}
	}
	c.Do = func(lag time.Duration) core.Reply {
		if !p.keys.Knows(user) {
			return in.Fault(reasons[core.OutUnknown], core.OutUnknown)
		}
		return p.do(in, op, user, id, lag)
	}
	c.Refuse = func(why core.Refusal) core.Reply { return in.Refuse(why, reasons) }
	return c, nil
}

// do carries a call about a user out that exists.
func (p product) do(in alibabacloud.Admitted, op, user, id string, lag time.Duration) core.Reply {
	switch op {
	case opCreate:
		return p.create(in, user, lag)
	case opList:
		return listed(in, p.keys.List(user))
	case opUpdate:
		if !p.keys.Turn(user, id, in.Get("Status")) {
			return in.Fault(noKey, core.OutUnknown)
		}
		return done(in, op)
	}
	switch result := p.keys.Remove(user, id); result {
	case core.OutAccepted:
		return done(in, op)
	case core.OutUnknown:
		return in.Fault(noKey, result)
	case core.OutRejected:
		return in.Fault(active, result)
	default:
		return in.Fault(reasons[core.OutFailed], core.OutFailed)
	}
}

func (p product) create(in alibabacloud.Admitted, user string, lag time.Duration) core.Reply {
	id, secret := "LTAI5t"+rand.Text()[:18], rand.Text()+rand.Text()[:4]
	switch made, result := p.keys.Make(user, id, secret, lag); result {
	case core.OutAccepted:
		return created(in, made, secret)
	case core.OutRejected:
		return in.Fault(full, result)
	default:
		return in.Fault(reasons[core.OutFailed], core.OutFailed)
	}
}
