// Package alibabadirectmail is the stand-in of Alibaba Cloud Direct Mail.
package alibabadirectmail

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"keyturn/internal/sandbox/alibabacloud"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/rule"
)

// Code names the provider.
const Code = "alibaba-directmail"

// op is the only action that the sandbox knows.
// https://www.alibabacloud.com/help/en/direct-mail/api-dm-2015-11-23-modifypwbydomain
const (
	op      = "ModifyPWByDomain"
	version = "2015-11-23"
)

// StandIn describes the stand-in. No page names the limit.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Cloud: alibabacloud.Cloud, Key: core.Key{ID: "testid", Secret: "testsecret"}, Rate: core.Rate{Requests: 5, Per: time.Second}, TellsWait: true,
		Ports:   core.Ports{API: 1, SMTP: 6},
		Targets: []core.Target{{Target: "example.com"}}, Unknown: "unknown.example.com", Username: "example.com",
		Repeats: true, Options: []string{successAs, passwordInURL},
		Check: core.CheckDomain, Names: core.OwnName, User: domainOf, Open: open,
	}
}

// The options.
const (
	// successAs is the type of Success in JSON: "string", as the documentation shows, or "bool".
	successAs = "success_as"
	// passwordInURL false refuses a password in the URL. By default one is taken, as the real service does and as an
	// official SDK sends it, counted and warned of.
	passwordInURL = "password_in_url"
)

// domainOf turns a sender address into its domain: a program logs in with either.
func domainOf(user string) string {
	if _, domain, ok := strings.Cut(user, "@"); ok {
		return domain
	}
	return user
}

// product is what stands behind the gateway.
type product struct {
	alibabacloud.Gateway
	strict     bool // takes no password in the URL
	successful map[bool]any
}

func open(s *core.Service, o core.Options) (core.Opener, error) {
	inURL, err := o.OneOf(passwordInURL, "true", "false")
	kind, kindErr := o.OneOf(successAs, "string", "bool")
	p := product{Gateway: alibabacloud.New(s), strict: inURL == "false", successful: map[bool]any{true: "true", false: "false"}}
	if kind == "bool" {
		p.successful = map[bool]any{true: true, false: false}
	}
	return p.open, errors.Join(err, kindErr)
}

var domainForm = regexp.MustCompile(`^[A-Za-z0-9.-]{1,50}$`)

func (p product) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	in, refused := p.Enter(r, body, op, version)
	if refused != nil {
		return nil, refused
	}
	refuse := func(why core.Reason) (*core.Call, *core.Reply) {
		rep := in.Fault(why, core.OutMalformed)
		return nil, &rep
	}
	if in.InURL("Password") {
		p.PasswordInURL(r)
	}
	switch {
	case in.InURL("Password") && p.strict:
		return refuse(core.Because(http.StatusBadRequest, "Sandbox.PasswordInURL", "The sandbox takes the password from the form body only; see password_in_url."))
	case r.Method != http.MethodPost && p.strict:
		return refuse(core.Because(http.StatusMethodNotAllowed, "UnsupportedHTTPMethod", "This stand-in takes POST only."))
	case !in.Has("DomainName"):
		return refuse(alibabacloud.Missing("DomainName"))
	case !in.Has("Password"):
		return refuse(alibabacloud.Missing("Password"))
	case !domainForm.MatchString(in.Get("DomainName")):
		return refuse(core.Because(http.StatusBadRequest, "InvalidDomainName.Malformed", "The specified domain name is invalid."))
	}
	c := &core.Call{Op: op, Target: strings.ToLower(in.Get("DomainName")), Changes: true, Account: in.Account}
	c.Do = func(lag time.Duration) core.Reply { return p.set(in, c.Target, lag) }
	c.Refuse = func(why core.Refusal) core.Reply {
		if why.Status == http.StatusOK {
			return p.result(in, why.In(reasons), false, why.Outcome)
		}
		return in.Refuse(why, reasons)
	}
	return c, nil
}

func (p product) set(in alibabacloud.Admitted, domain string, lag time.Duration) core.Reply {
	result := core.OutUnknown
	if _, known := p.Ledger.Get(domain); known {
		result = core.OutRejected
		if password := in.Get("Password"); legal(password) {
			_, result = p.Ledger.Set(domain, password, lag)
		}
	}
	if result == core.OutAccepted {
		return p.result(in, core.Because(http.StatusOK, "OK", ""), true, core.OutAccepted)
	}
	return in.Fault(reasons[result], result)
}

// legal is the rule: 10 to 20 characters, at least 2 digits, lower-case and upper-case letters each, and neither the
// digits nor the letters one repeated character.
func legal(p string) bool {
	return rule.Printable(p, 10, 20) &&
		rule.Count(p, rule.Digits) >= 2 && rule.Count(p, rule.Lower) >= 2 && rule.Count(p, rule.Upper) >= 2 &&
		rule.Distinct(p, rule.Digits) >= 2 && rule.Distinct(p, rule.Letters) >= 2
}
