package sandbox

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// alibabaReasons are the gateway's words, which the two Alibaba stand-ins share.
var alibabaReasons = map[outcome]reason{
	outUnauthorized: {http.StatusForbidden, "Forbidden.RAM", "User not authorized to operate on the specified resource, or this API doesn't support RAM."},
	outThrottled:    {http.StatusBadRequest, "Throttling.User", "Request was denied due to user flow control."},
	outFailed:       {http.StatusInternalServerError, "InternalError", "The request processing has failed due to some unknown error."},
	outUnavailable:  {http.StatusServiceUnavailable, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."},
}

// alibabaSignature are the gateway's refusals of a signature.
var alibabaSignature = map[string]reason{
	acsIncomplete:   {http.StatusBadRequest, acsIncomplete, "The request signature does not conform to Aliyun standards."},
	acsTimeFormat:   {http.StatusBadRequest, acsTimeFormat, "Specified time stamp or date value is not well formatted."},
	acsExpired:      {http.StatusBadRequest, acsExpired, "Specified time stamp or date value is expired."},
	acsKeyNotFound:  {http.StatusNotFound, acsKeyNotFound, "Specified access key is not found."},
	acsDoesNotMatch: {http.StatusBadRequest, acsDoesNotMatch, "Specified signature is not matched with our calculation."},
	acsNonceUsed:    {http.StatusBadRequest, acsNonceUsed, "Specified signature nonce was used already."},
}

// gateway is Alibaba Cloud's API gateway in front of one product.
type gateway struct {
	*service
	nonces *nonces
}

func newGateway(s *service) gateway {
	return gateway{service: s, nonces: &nonces{now: s.now, seen: map[string]time.Time{}}}
}

// admitted is a request that the gateway has let in.
type admitted struct {
	account     *account
	version     string
	query, form url.Values
	xml         bool // the reply is to be XML
}

// enter authenticates a request and checks that it asks for op in one of the product's versions.
func (g gateway) enter(r *http.Request, body []byte, op string, versions ...string) (in admitted, refused *reply) {
	in = admitted{version: r.Header.Get("X-Acs-Version"), query: r.URL.Query()}
	isForm := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	var err error
	if isForm {
		in.form, err = url.ParseQuery(string(body))
	}
	in.xml = wantsXML(r, in)
	refuse := func(o outcome, why reason) (admitted, *reply) {
		rep := in.fault(why, o)
		return in, &rep
	}
	id, code := verifyACS3(r, body, g.now(), g.secret)
	if code == "" && g.nonces.used(r.Header.Get("X-Acs-Signature-Nonce")) {
		code = acsNonceUsed
	}
	switch {
	case code != "":
		return refuse(outUnauthorized, alibabaSignature[code])
	case r.Header.Get("X-Acs-Action") != op:
		return refuse(outMalformed, reason{http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."})
	case !oneOf(in.version, versions...):
		return refuse(outMalformed, reason{http.StatusBadRequest, "InvalidVersion", "Specified parameter Version is not valid."})
	case err != nil || (len(body) > 0 && !isForm):
		return refuse(outMalformed, reason{http.StatusBadRequest, "InvalidParameter", "The body is not a form."})
	}
	in.account = g.accounts[id]
	return in, nil
}

// wantsXML goes by the parameter Format, else by the header Accept; XML is the documented default.
func wantsXML(r *http.Request, in admitted) bool {
	if format := in.get("Format"); format != "" {
		return !strings.EqualFold(format, "JSON")
	}
	return !strings.Contains(r.Header.Get("Accept"), "json")
}

// get reads a parameter from the form or from the query.
func (in admitted) get(name string) string {
	if in.form.Has(name) {
		return in.form.Get(name)
	}
	return in.query.Get(name)
}

func (in admitted) has(name string) bool { return in.form.Has(name) || in.query.Has(name) }

// missing is the gateway's answer to a parameter that is not there.
func missing(name string) reason {
	return reason{http.StatusBadRequest, "Missing" + name, name + " is mandatory for this action."}
}

// fault is the gateway's envelope for errors.
func (in admitted) fault(why reason, o outcome) reply {
	var out struct {
		XMLName   xml.Name `xml:"Error" json:"-"`
		RequestId string   //nolint:revive // Alibaba's spelling
		HostId    string   //nolint:revive // as above
		Code      string
		Message   string
	}
	out.RequestId, out.HostId, out.Code, out.Message = newRequestID(), "sandbox", why.code, why.message
	return in.reply(why.status, out, o)
}

// refuse is a call's answer in the gateway's words, with the header of its throttling in the form that the official
// SDKs read: milliseconds, and at least one.
func (in admitted) refuse(why refusal, table map[outcome]reason) reply {
	rep := in.fault(why.in(table), why.outcome)
	if why.outcome == outThrottled {
		left := max(1, why.retryAfter.Milliseconds())
		rep.header = http.Header{"X-Ratelimit-User-Api": {"Remain:0,TimeLeft:" + strconv.FormatInt(left, 10)}}
	}
	return rep
}

// reply marshals v in the form that was asked for.
func (in admitted) reply(status int, v any, o outcome) reply {
	if !in.xml {
		return jsonReply(status, v, o)
	}
	body, err := xml.Marshal(v)
	if err != nil {
		return reply{status: http.StatusInternalServerError, outcome: outFailed}
	}
	body = append([]byte("<?xml version='1.0' encoding='UTF-8'?>"), body...)
	return reply{status: status, kind: "text/xml;charset=utf-8", body: body, outcome: o}
}

func newRequestID() string { return strings.ToUpper(uuid.NewString()) }
