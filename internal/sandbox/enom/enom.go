// Package enom is the stand-in of eNom.
package enom

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/rule"
)

// Code names the provider.
const Code = "enom"

// The commands that the sandbox knows. https://api.enom.com/docs/SetPassword
const (
	cmdSet      = "SetPassword"
	cmdGet      = "GetPasswordBit"
	cmdValidate = "ValidatePassword"
)

// The options: what the answer to too many requests looks like, which no page says.
const (
	// throttleStatus is its HTTP status; 429 by default.
	throttleStatus = "throttle_status"
	// throttleNumber makes it an ordinary reply (HTTP 200) with this response number.
	throttleNumber = "throttle_number"
)

// StandIn describes the stand-in. No page names the limit.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: "resellid", Secret: "resellpw"}, Rate: core.Rate{Requests: 2, Per: time.Second},
		Ports:   core.Ports{API: 3},
		Targets: []core.Target{{Target: "resellerdocs.com"}}, Unknown: "unknown.com",
		Options: []string{throttleStatus, throttleNumber}, Faults: []core.OwnFault{{Kind: NotDone, Spoil: sayNotDone}},
		Check: core.CheckDomain, Open: open,
	}
}

// NotDone is a reply that says that it did not arrive whole.
const NotDone core.Kind = "not_done"

var done = regexp.MustCompile(`(Done(?:: </STRONG>|>|=))true`)

func sayNotDone(rep core.Reply) core.Reply {
	rep.Body = done.ReplaceAll(rep.Body, []byte("${1}false"))
	return rep
}

// service is the API.
type service struct {
	*core.Service
	status int    // of the answer to too many requests; 0 means the usual one
	number string // of that answer, which is an ordinary reply then
}

func open(s *core.Service, o core.Options) (core.Opener, error) {
	e := service{Service: s, number: o[throttleNumber]}
	if text, given := o[throttleStatus]; given {
		var err error
		if e.status, err = strconv.Atoi(text); err != nil || e.status < 400 || e.status > 599 {
			return nil, fmt.Errorf("%s %s is not an HTTP error", throttleStatus, text)
		}
	}
	return e.open, nil
}

// input are the parameters of a request; their names ignore case.
type input map[string]string

func read(r *http.Request) input {
	in := input{}
	for name, values := range r.URL.Query() {
		in[strings.ToLower(name)] = values[0]
	}
	return in
}

func (in input) target() string { return strings.ToLower(in["sld"] + "." + in["tld"]) }

func (e service) open(r *http.Request, _ []byte) (*core.Call, *core.Reply) {
	in := read(r)
	form := newForm(in, e.Now())
	refuse := func(o core.Outcome, why core.Reason) (*core.Call, *core.Reply) {
		rep := form.failure(why, o)
		return nil, &rep
	}
	if r.URL.Path != "/interface.asp" {
		return nil, &core.Reply{Status: http.StatusNotFound, ContentType: "text/plain", Body: []byte("Not Found\n"), Outcome: core.OutMalformed}
	}
	if r.Method != http.MethodGet {
		return nil, &core.Reply{Status: http.StatusMethodNotAllowed, ContentType: "text/plain", Body: []byte("Method Not Allowed\n"), Outcome: core.OutMalformed}
	}
	account := e.LogIn(in["uid"], in["pw"])
	if account == nil {
		return refuse(core.OutUnauthorized, reasons[core.OutUnauthorized])
	}
	op := ""
	for _, known := range []string{cmdSet, cmdGet, cmdValidate} {
		if strings.EqualFold(in["command"], known) {
			op = known
		}
	}
	switch {
	case op == "":
		return refuse(core.OutMalformed, reasons[core.OutMalformed])
	case in["sld"] == "":
		return refuse(core.OutMalformed, core.Because(http.StatusOK, "301151", "The SLD is missing"))
	case in["tld"] == "":
		return refuse(core.OutMalformed, core.Because(http.StatusOK, "301152", "The TLD is missing"))
	case op != cmdGet && in["domainpassword"] == "":
		return refuse(core.OutMalformed, core.Because(http.StatusOK, "301156", "The domain password is missing"))
	}
	return &core.Call{
		Op: op, Target: in.target(), Changes: op == cmdSet, Account: account,
		Do:     func(lag time.Duration) core.Reply { return e.run(op, in, form, lag) },
		Refuse: func(why core.Refusal) core.Reply { return e.refuse(form, why) },
	}, nil
}

// refuse answers in eNom's words. It documents none for too many requests: the options say how that looks.
func (e service) refuse(form form, why core.Refusal) core.Reply {
	row := why.In(reasons)
	if why.Outcome != core.OutThrottled || why.Code != "" {
		return form.failure(row, why.Outcome)
	}
	if e.number != "" {
		return form.failure(core.Because(http.StatusOK, e.number, row.Message), core.OutThrottled)
	}
	if e.status != 0 {
		row.Status = e.status
	}
	return core.Reply{Status: row.Status, ContentType: "text/plain", Body: []byte(row.Message + "\n"), Outcome: core.OutThrottled}
}

func (e service) run(op string, in input, form form, lag time.Duration) core.Reply {
	r, known := e.Ledger.Get(in.target())
	if !known {
		return form.failure(reasons[core.OutUnknown], core.OutUnknown)
	}
	password := in["domainpassword"]
	switch op {
	case cmdGet:
		if r.Serving == "" {
			return form.success(core.OutRead, field{"PasswordSet", "0"})
		}
		return form.success(core.OutRead, field{"DomainPassword", r.Serving}, field{"PasswordSet", "1"})
	case cmdValidate:
		// What was set a moment ago may lag behind, as at an SMTP server.
		if r.Serving == "" || r.Serving != password {
			return form.failure(core.Because(http.StatusOK, "304156", "The domain password is not valid"), core.OutRead)
		}
		return form.success(core.OutRead)
	}
	result := core.OutRejected
	if rule.Printable(password, 6, 60) {
		_, result = e.Ledger.Set(in.target(), password, lag)
	}
	if result != core.OutAccepted {
		return form.failure(reasons[result], result)
	}
	return form.success(core.OutAccepted)
}
