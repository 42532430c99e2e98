package sandbox

import (
	"encoding/xml"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// directMailOp is the only action of Alibaba DirectMail that the sandbox knows.
// https://www.alibabacloud.com/help/en/direct-mail/api-dm-2015-11-23-modifypwbydomain
const (
	directMailOp      = "ModifyPWByDomain"
	directMailVersion = "2015-11-23"
)

// directMailReasons are DirectMail's words.
var directMailReasons = func() map[outcome]reason {
	table := maps.Clone(alibabaReasons)
	table[outRepeat] = reason{http.StatusBadRequest, "InvalidDomainPassword.equalcurrent", "The password must be different from the current password."}
	table[outRejected] = reason{http.StatusBadRequest, "InvalidDomainPassword.Malformed", "The specified password is invalid."}
	table[outUnknown] = reason{http.StatusNotFound, "InvalidDomain.NotFound", "The specified domain does not exist."}
	return table
}()

var directMailDomain = regexp.MustCompile(`^[A-Za-z0-9.-]{1,50}$`)

// directMail is the stand-in of Alibaba DirectMail.
type directMail struct {
	gateway
	options Options
}

// domainOf turns a sender address into its domain: DirectMail logs in with either.
func domainOf(user string) string {
	if _, domain, ok := strings.Cut(user, "@"); ok {
		return domain
	}
	return user
}

func (d directMail) open(r *http.Request, body []byte) (*call, *reply) {
	in, refused := d.enter(r, body, directMailOp, directMailVersion)
	if refused != nil {
		return nil, refused
	}
	refuse := func(why reason) (*call, *reply) {
		rep := in.fault(why, outMalformed)
		return nil, &rep
	}
	if in.query.Has("Password") && d.stats.passwordsInURL.Add(1) == 1 {
		d.log.WarnContext(r.Context(), "a client sends the password in the URL, where logs along the way keep it: see passwords_in_url in GET /stats",
			"provider", d.code, "user_agent", strconv.QuoteToASCII(r.UserAgent()))
	}
	strict := d.options.PasswordInURL != nil && !*d.options.PasswordInURL
	switch {
	case in.query.Has("Password") && strict:
		return refuse(reason{http.StatusBadRequest, "Sandbox.PasswordInURL", "The sandbox takes the password from the form body only; see password_in_url."})
	case r.Method != http.MethodPost && strict:
		return refuse(reason{http.StatusMethodNotAllowed, "UnsupportedHTTPMethod", "This stand-in takes POST only."})
	case !in.has("DomainName"):
		return refuse(missing("DomainName"))
	case !in.has("Password"):
		return refuse(missing("Password"))
	case !directMailDomain.MatchString(in.get("DomainName")):
		return refuse(reason{http.StatusBadRequest, "InvalidDomainName.Malformed", "The specified domain name is invalid."})
	}
	c := &call{op: directMailOp, target: strings.ToLower(in.get("DomainName")), changes: true, account: in.account}
	c.do = func(lag lag) reply { return d.set(in, c.target, lag) }
	c.refuse = func(why refusal) reply {
		if why.status == http.StatusOK {
			return d.result(in, why.in(directMailReasons), false, why.outcome)
		}
		return in.refuse(why, directMailReasons)
	}
	return c, nil
}

func (d directMail) set(in admitted, domain string, lag lag) reply {
	result := outUnknown
	if _, known := d.ledger.get(domain); known {
		result = outRejected
		if password := in.get("Password"); directMailPassword(password) {
			_, result = d.ledger.set(domain, password, lag.delay)
		}
	}
	if result == outAccepted {
		return d.result(in, reason{http.StatusOK, "OK", ""}, true, outAccepted)
	}
	return in.fault(directMailReasons[result], result)
}

// result is the answer of ModifyPWByDomain itself. Success is a string or a bool in JSON: both have been seen.
func (d directMail) result(in admitted, why reason, success bool, o outcome) reply {
	var out struct {
		XMLName   xml.Name `xml:"ModifyPWByDomainResponse" json:"-"`
		RequestId string   //nolint:revive // Alibaba's spelling
		Code      string
		Message   string
		Success   any
	}
	out.RequestId, out.Code, out.Message = newRequestID(), why.code, why.message
	out.Success = success
	if d.options.SuccessAs != "bool" {
		out.Success = map[bool]string{true: "true", false: "false"}[success]
	}
	return in.reply(why.status, out, o)
}
