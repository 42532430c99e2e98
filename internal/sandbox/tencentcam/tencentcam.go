// Package tencentcam is the stand-in of Tencent Cloud CAM's access keys.
package tencentcam

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/signature"
)

// Code names the provider.
const Code = "tencent-cam"

const version = "2019-01-16"

// The actions that the sandbox knows.
// https://www.tencentcloud.com/document/product/598/52594
const (
	opCreate = "CreateAccessKey"
	opUpdate = "UpdateAccessKey"
	opDelete = "DeleteAccessKey"
	opList   = "ListAccessKeys"
)

// StandIn describes the stand-in, with the limit of the page. Its targets are keys, as UIN/ID.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Cloud: "tencent", Key: core.Key{ID: "AKIDSandboxKeyturnTest", Secret: "testsecret"}, Rate: core.Rate{Requests: 5, Per: time.Second},
		Ports:   core.Ports{API: 40},
		Targets: []core.Target{{Target: "100013065917/AKIDStandsFromTheStart01"}}, Unknown: "100099999999/AKIDStandsFromTheStart01",
		Check: checkTarget,
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) {
			keys := accesskey.Of(s.Ledger)
			s.Lend(keys.Caller)
			return service{s, keys}.open, nil
		},
	}
}

var targetShape = regexp.MustCompile(`^[1-9][0-9]{4,14}/AKID[A-Za-z0-9]{12,40}$`)

// checkTarget wants UIN/ID.
func checkTarget(t core.Target) (core.Target, error) {
	if !targetShape.MatchString(t.Target) {
		return t, fmt.Errorf("target %q is not UIN/SECRET-ID", t.Target)
	}
	return t, nil
}

// service is the API.
type service struct {
	*core.Service
	keys *accesskey.Keys
}

func (s service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	refuse := func(o core.Outcome, code string) (*core.Call, *core.Reply) {
		rep := refusal(core.Because(http.StatusOK, code, "The request is not what the API documents."), o)
		return nil, &rep
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		return refuse(core.OutMalformed, "UnsupportedProtocol")
	}
	for _, name := range []string{"X-TC-Action", "X-TC-Version", "X-TC-Timestamp", "Authorization"} {
		if r.Header.Get(name) == "" {
			return refuse(core.OutMalformed, "MissingParameter")
		}
	}
	caller, code := signature.VerifyTC3(r, body, "cam", s.Now(), s.Secret)
	op := r.Header.Get("X-TC-Action")
	if signature.OfKey(code) {
		s.KeyRefused()
	}
	switch {
	case code != "":
		return refuse(core.OutUnauthorized, code)
	case r.Header.Get("X-TC-Version") != version:
		return refuse(core.OutMalformed, "NoSuchVersion")
	case !slices.Contains([]string{opCreate, opUpdate, opDelete, opList}, op):
		return refuse(core.OutMalformed, "InvalidAction")
	}
	in, code := read(r, body, op)
	if code != "" {
		return refuse(core.OutMalformed, code)
	}
	user := in.user()
	c := &core.Call{Op: op, Target: user, Changes: op != opList, Account: s.Account(caller), Refuse: func(why core.Refusal) core.Reply {
		return refusal(why.In(reasons), why.Outcome)
	}}
	if in.AccessKeyId != "" {
		c.Also = []string{user + "/" + in.AccessKeyId}
	}
	c.Do = func(lag time.Duration) core.Reply {
		if !s.keys.Knows(user) {
			return refusal(reasons[core.OutUnknown], core.OutUnknown)
		}
		return s.do(op, in, lag)
	}
	return c, nil
}

// input is the body of every call, of which each has its own part. TargetUin is an integer, and no text.
type input struct {
	TargetUin   *uint64
	AccessKeyId string //nolint:revive // Tencent's spelling
	Status      string
}

func (in input) user() string { return strconv.FormatUint(*in.TargetUin, 10) }

func read(r *http.Request, body []byte, op string) (in input, code string) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		return in, "InvalidParameter"
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	away := op == opUpdate || op == opDelete
	switch err := dec.Decode(&in); {
	case err != nil && strings.Contains(err.Error(), "unknown field"):
		return in, "UnknownParameter"
	case err != nil:
		return in, "InvalidParameter"
	case in.TargetUin == nil: // then the caller is meant, whose keys are no one's to rotate here
		return in, "MissingParameter"
	case away && in.AccessKeyId == "", op == opUpdate && in.Status == "":
		return in, "MissingParameter"
	case !away && in.AccessKeyId != "", op != opUpdate && in.Status != "":
		return in, "UnknownParameter"
	case op == opUpdate && in.Status != accesskey.Active && in.Status != accesskey.Inactive:
		return in, "InvalidParameter.ParamError"
	}
	return in, ""
}

// do carries a call about a sub-user out that exists.
func (s service) do(op string, in input, lag time.Duration) core.Reply {
	user, id := in.user(), in.AccessKeyId
	switch op {
	case opCreate:
		return s.create(user, lag)
	case opList:
		return listed(s.keys.List(user))
	case opUpdate:
		if !s.keys.Turn(user, id, in.Status) {
			return refusal(noKey, core.OutUnknown)
		}
		return done()
	}
	switch result := s.keys.Remove(user, id); result {
	case core.OutAccepted:
		return done()
	case core.OutUnknown:
		return refusal(noKey, result)
	case core.OutRejected:
		return refusal(active, result)
	default:
		return refusal(reasons[core.OutFailed], core.OutFailed)
	}
}

func (s service) create(user string, lag time.Duration) core.Reply {
	id, secret := "AKID"+rand.Text()+rand.Text()[:6], rand.Text()+rand.Text()[:6]
	switch made, result := s.keys.Make(user, id, secret, lag); result {
	case core.OutAccepted:
		return created(made, secret)
	case core.OutRejected:
		return refusal(full, result)
	default:
		return refusal(reasons[core.OutFailed], core.OutFailed)
	}
}
