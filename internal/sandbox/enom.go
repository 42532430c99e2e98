package sandbox

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// The commands of eNom that the sandbox knows. https://api.enom.com/docs/SetPassword
const (
	enomSet      = "SetPassword"
	enomGet      = "GetPasswordBit"
	enomValidate = "ValidatePassword"
)

// enomReasons are eNom's words: the code is the response number, the message Err1. It has no error for a repeated
// password; who injects one gets "duplicate".
var enomReasons = map[outcome]reason{
	outRepeat:       {http.StatusOK, "302156", "Duplicate domain password"},
	outRejected:     {http.StatusOK, "304156", "The domain password must use ASCII characters, and must be 6 to 60 characters in length"},
	outUnknown:      {http.StatusOK, "316153", "Domain name not found"},
	outUnauthorized: {http.StatusOK, "304155", "Bad User name or Password"},
	outThrottled:    {http.StatusTooManyRequests, "", "Too Many Requests"},
	outFailed:       {http.StatusOK, "621153", "The request could not be processed"},
	outUnavailable:  {http.StatusOK, "618153", "The system is being maintained"},
	outMalformed:    {http.StatusOK, "304000", "Command not recognized"},
}

// enomStrings are the response strings of those numbers.
var enomStrings = map[string]string{
	"301151": "Validation error; missing ; SLD",
	"301152": "Validation error; missing ; TLD",
	"301156": "Validation error; missing ; domain password",
	"302156": "Validation error; duplicate ; domain password",
	"304000": "Validation error; invalid ; command",
	"304155": "Validation error; invalid ; loginid",
	"304156": "Validation error; invalid ; domain password",
	"316153": "Validation error; not found ; domain name",
	"618153": "System error; maintenance ; domain name",
	"621153": "System error; failed to process ; domain name",
}

// enom is the stand-in of eNom.
type enom struct {
	*service
	options Options
}

// enomInput are the parameters of a request; their names ignore case.
type enomInput map[string]string

func readEnom(r *http.Request) enomInput {
	in := enomInput{}
	for name, values := range r.URL.Query() {
		in[strings.ToLower(name)] = values[0]
	}
	return in
}

func (in enomInput) target() string { return strings.ToLower(in["sld"] + "." + in["tld"]) }

func (e enom) open(r *http.Request, _ []byte) (*call, *reply) {
	in := readEnom(r)
	form := newEnomForm(in, e.now())
	refuse := func(o outcome, why reason) (*call, *reply) {
		rep := form.failure(why, o)
		return nil, &rep
	}
	if r.URL.Path != "/interface.asp" {
		return nil, &reply{status: http.StatusNotFound, kind: "text/plain", body: []byte("Not Found\n"), outcome: outMalformed}
	}
	if r.Method != http.MethodGet {
		return nil, &reply{status: http.StatusMethodNotAllowed, kind: "text/plain", body: []byte("Method Not Allowed\n"), outcome: outMalformed}
	}
	account := e.accounts[in["uid"]]
	if account == nil || subtle.ConstantTimeCompare([]byte(account.secret), []byte(in["pw"])) == 0 {
		return refuse(outUnauthorized, enomReasons[outUnauthorized])
	}
	op := ""
	for _, known := range []string{enomSet, enomGet, enomValidate} {
		if strings.EqualFold(in["command"], known) {
			op = known
		}
	}
	switch {
	case op == "":
		return refuse(outMalformed, enomReasons[outMalformed])
	case in["sld"] == "":
		return refuse(outMalformed, reason{http.StatusOK, "301151", "The SLD is missing"})
	case in["tld"] == "":
		return refuse(outMalformed, reason{http.StatusOK, "301152", "The TLD is missing"})
	case op != enomGet && in["domainpassword"] == "":
		return refuse(outMalformed, reason{http.StatusOK, "301156", "The domain password is missing"})
	}
	return &call{
		op: op, target: in.target(), changes: op == enomSet, account: account,
		do:     func(lag lag) reply { return e.run(op, in, form, lag) },
		refuse: func(why refusal) reply { return e.refuse(form, why) },
	}, nil
}

// refuse answers in eNom's words. It documents none for too many requests: the options say how that looks.
func (e enom) refuse(form enomForm, why refusal) reply {
	row := why.in(enomReasons)
	if why.outcome != outThrottled || why.code != "" {
		return form.failure(row, why.outcome)
	}
	if e.options.ThrottleNumber != "" {
		return form.failure(reason{http.StatusOK, e.options.ThrottleNumber, row.message}, outThrottled)
	}
	if e.options.ThrottleStatus != 0 {
		row.status = e.options.ThrottleStatus
	}
	return reply{status: row.status, kind: "text/plain", body: []byte(row.message + "\n"), outcome: outThrottled}
}

func (e enom) run(op string, in enomInput, form enomForm, lag lag) reply {
	r, known := e.ledger.get(in.target())
	if !known {
		return form.failure(enomReasons[outUnknown], outUnknown)
	}
	password := in["domainpassword"]
	switch op {
	case enomGet:
		if r.Serving == "" {
			return form.success(outRead, enomField{"PasswordSet", "0"})
		}
		return form.success(outRead, enomField{"DomainPassword", r.Serving}, enomField{"PasswordSet", "1"})
	case enomValidate:
		// What was set a moment ago may lag behind, as at an SMTP server.
		if r.Serving == "" || r.Serving != password {
			return form.failure(reason{http.StatusOK, "304156", "The domain password is not valid"}, outRead)
		}
		return form.success(outRead)
	}
	result := outRejected
	if printable(password, 6, 60) {
		_, result = e.ledger.set(in.target(), password, lag.delay)
	}
	if result != outAccepted {
		return form.failure(enomReasons[result], result)
	}
	return form.success(outAccepted)
}
