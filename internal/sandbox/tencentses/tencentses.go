// Package tencentses is the stand-in of Tencent Cloud SES.
package tencentses

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/rule"
	"keyturn/internal/sandbox/signature"
)

// Code names the provider.
const Code = "tencent-ses"

// op is the only action that the sandbox knows.
// https://www.tencentcloud.com/document/product/1084/49530
const (
	op      = "UpdateEmailSmtpPassWord"
	version = "2020-10-02"
)

var regions = []string{"ap-guangzhou", "ap-hongkong", "ap-singapore"}

// StandIn describes the stand-in, with the limit of the page.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Cloud: "tencent", Key: core.Key{ID: "testid", Secret: "testsecret"}, Rate: core.Rate{Requests: 20, Per: time.Second},
		Ports:   core.Ports{API: 5, SMTP: 10},
		Targets: []core.Target{{Target: "alerts@example.com"}}, Unknown: "unknown@example.com", Username: "alerts@example.com",
		Repeats: true, Check: core.CheckAddress, Names: core.OwnName,
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) { return service{s}.open, nil },
	}
}

// service is the API.
type service struct{ *core.Service }

func (t service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	refuse := func(o core.Outcome, code, message string) (*core.Call, *core.Reply) {
		rep := reply(core.Because(http.StatusOK, code, message), o)
		return nil, &rep
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		return refuse(core.OutMalformed, "UnsupportedProtocol", "This stand-in takes POST / only.")
	}
	for _, name := range []string{"X-TC-Action", "X-TC-Version", "X-TC-Timestamp", "X-TC-Region", "Authorization"} {
		if r.Header.Get(name) == "" {
			return refuse(core.OutMalformed, "MissingParameter", "The request lacks the header "+name+".")
		}
	}
	id, code := signature.VerifyTC3(r, body, "ses", t.Now(), t.Secret)
	if signature.OfKey(code) {
		t.KeyRefused()
	}
	switch {
	case code != "":
		return refuse(core.OutUnauthorized, code, "The request was not authenticated: "+code+".")
	case r.Header.Get("X-TC-Version") != version:
		return refuse(core.OutMalformed, "NoSuchVersion", "The API version does not exist.")
	case r.Header.Get("X-TC-Action") != op:
		return refuse(core.OutMalformed, "InvalidAction", "The action does not exist.")
	case !slices.Contains(regions, r.Header.Get("X-TC-Region")):
		return refuse(core.OutMalformed, "UnsupportedRegion", "The region does not support this API.")
	}
	in, code := read(r, body)
	if code != "" {
		return refuse(core.OutMalformed, code, "The parameters are not those of "+op+".")
	}
	return &core.Call{
		Op: op, Target: in.target(), Changes: true, Account: t.Account(id),
		Do:     func(lag time.Duration) core.Reply { return t.set(in, lag) },
		Refuse: func(why core.Refusal) core.Reply { return reply(why.In(reasons), why.Outcome) },
	}, nil
}

// input is the body of UpdateEmailSmtpPassWord.
type input struct {
	EmailAddress, Password *string
}

func (in input) target() string { return strings.ToLower(*in.EmailAddress) }

func read(r *http.Request, body []byte) (in input, code string) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		return in, "InvalidParameter"
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	switch err := dec.Decode(&in); {
	case err != nil && strings.Contains(err.Error(), "unknown field"):
		return in, "UnknownParameter"
	case err != nil:
		return in, "InvalidParameter"
	case in.EmailAddress == nil || in.Password == nil:
		return in, "MissingParameter"
	case len(*in.EmailAddress) > 128:
		return in, "InvalidParameterValue"
	}
	return in, ""
}

func (t service) set(in input, lag time.Duration) core.Reply {
	result := core.OutUnknown
	if _, known := t.Ledger.Get(in.target()); known {
		result = core.OutRejected
		if legal(*in.Password) {
			_, result = t.Ledger.Set(in.target(), *in.Password, lag)
		}
	}
	return reply(reasons[result], result)
}

// legal is the rule: 10 to 20 characters, at least 2 different digits, lower-case and upper-case letters each.
func legal(p string) bool {
	return rule.Printable(p, 10, 20) &&
		rule.Distinct(p, rule.Digits) >= 2 && rule.Distinct(p, rule.Lower) >= 2 && rule.Distinct(p, rule.Upper) >= 2
}
