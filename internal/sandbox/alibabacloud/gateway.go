// Package alibabacloud is the API gateway of Alibaba Cloud, in front of whichever product a stand-in plays.
package alibabacloud

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/signature"
)

// Reasons are the gateway's words, for what products do not name themselves.
func Reasons() map[core.Outcome]core.Reason { return maps.Clone(reasons) }

var reasons = map[core.Outcome]core.Reason{
	core.OutUnauthorized: core.Because(http.StatusForbidden, "Forbidden.RAM", "User not authorized to operate on the specified resource, or this API doesn't support RAM."),
	core.OutThrottled:    core.Because(http.StatusBadRequest, "Throttling.User", "Request was denied due to user flow control."),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "InternalError", "The request processing has failed due to some unknown error."),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
}

// signatureReasons are the gateway's refusals of a signature.
var signatureReasons = map[string]core.Reason{
	signature.ACS3Incomplete:   core.Because(http.StatusBadRequest, signature.ACS3Incomplete, "The request signature does not conform to Aliyun standards."),
	signature.ACS3TimeFormat:   core.Because(http.StatusBadRequest, signature.ACS3TimeFormat, "Specified time stamp or date value is not well formatted."),
	signature.ACS3Expired:      core.Because(http.StatusBadRequest, signature.ACS3Expired, "Specified time stamp or date value is expired."),
	signature.ACS3KeyNotFound:  core.Because(http.StatusNotFound, signature.ACS3KeyNotFound, "Specified access key is not found."),
	signature.ACS3KeyInactive:  inactive,
	signature.ACS3DoesNotMatch: core.Because(http.StatusBadRequest, signature.ACS3DoesNotMatch, "Specified signature is not matched with our calculation."),
	signature.ACS3NonceUsed:    core.Because(http.StatusBadRequest, signature.ACS3NonceUsed, "Specified signature nonce was used already."),
}

// inactive is on pages of other products of Alibaba Cloud, with this status; that these two say so too is a guess.
var inactive = core.Because(http.StatusBadRequest, signature.ACS3KeyInactive, "Specified access key is disabled.")

// Cloud is that of all its products: each takes the keys of the users of RAM.
const Cloud = "alibaba"

// Gateway is the gateway in front of one product.
type Gateway struct {
	*core.Service
	nonces *signature.Nonces
}

// New puts a gateway in front of a product.
func New(s *core.Service) Gateway { return Gateway{Service: s, nonces: signature.NewNonces(s.Now)} }

// Admitted is a request that the gateway has let in.
type Admitted struct {
	Account *core.Account
	Version string
	XML     bool // the reply is to be XML

	query, form url.Values
}

// Enter authenticates a request and checks that it asks for op in one of the product's versions.
func (g Gateway) Enter(r *http.Request, body []byte, op string, versions ...string) (in Admitted, refused *core.Reply) {
	in = Admitted{Version: r.Header.Get("X-Acs-Version"), query: r.URL.Query()}
	isForm := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	var err error
	if isForm {
		in.form, err = url.ParseQuery(string(body))
	}
	in.XML = wantsXML(r, in)
	refuse := func(o core.Outcome, why core.Reason) (Admitted, *core.Reply) {
		rep := in.Fault(why, o)
		return in, &rep
	}
	id, code := g.authenticate(r, body)
	switch {
	case code != "":
		return refuse(core.OutUnauthorized, signatureReasons[code])
	case r.Header.Get("X-Acs-Action") != op:
		return refuse(core.OutMalformed, core.Because(http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."))
	case !slices.Contains(versions, in.Version):
		return refuse(core.OutMalformed, core.Because(http.StatusBadRequest, "InvalidVersion", "Specified parameter Version is not valid."))
	case err != nil || (len(body) > 0 && !isForm):
		return refuse(core.OutMalformed, core.Because(http.StatusBadRequest, "InvalidParameter", "The body is not a form."))
	}
	in.Account = g.Account(id)
	return in, nil
}

// authenticate returns the id of the key that a request is signed with, or the code of the refusal.
func (g Gateway) authenticate(r *http.Request, body []byte) (id, code string) {
	var caller core.Caller
	id, code = signature.VerifyACS3(r, body, g.Now(), func(id string) (string, bool) {
		caller = g.Caller(id)
		return caller.Secret, caller.Active
	})
	switch {
	case code == "" && g.nonces.Used(r.Header.Get("X-Acs-Signature-Nonce")):
		code = signature.ACS3NonceUsed
	case code == signature.ACS3KeyNotFound && caller.Known:
		code = signature.ACS3KeyInactive
	}
	if signature.OfKey(code) {
		g.KeyRefused()
	}
	return id, code
}

// wantsXML goes by the parameter Format, else by the header Accept; XML is the documented default.
func wantsXML(r *http.Request, in Admitted) bool {
	if format := in.Get("Format"); format != "" {
		return !strings.EqualFold(format, "JSON")
	}
	return !strings.Contains(r.Header.Get("Accept"), "json")
}

// Get reads a parameter from the form or from the query.
func (in Admitted) Get(name string) string {
	if in.form.Has(name) {
		return in.form.Get(name)
	}
	return in.query.Get(name)
}

// Has says whether a parameter is there.
func (in Admitted) Has(name string) bool { return in.form.Has(name) || in.query.Has(name) }

// InURL says whether a parameter is in the URL.
func (in Admitted) InURL(name string) bool { return in.query.Has(name) }

// Missing is the gateway's answer to a parameter that is not there.
func Missing(name string) core.Reason {
	return core.Because(http.StatusBadRequest, "Missing"+name, name+" is mandatory for this action.")
}

// Fault is the gateway's envelope for errors.
func (in Admitted) Fault(why core.Reason, o core.Outcome) core.Reply {
	var out struct {
		XMLName   xml.Name `xml:"Error" json:"-"`
		RequestId string   //nolint:revive // Alibaba's spelling
		HostId    string   //nolint:revive // as above
		Code      string
		Message   string
	}
	out.RequestId, out.HostId, out.Code, out.Message = NewRequestID(), "sandbox", why.Code, why.Message
	return in.Reply(why.Status, out, o)
}

// Refuse is a call's answer in the gateway's words, with the header of its throttling in the form that the official
// SDKs read: milliseconds, and at least one.
func (in Admitted) Refuse(why core.Refusal, table map[core.Outcome]core.Reason) core.Reply {
	rep := in.Fault(why.In(table), why.Outcome)
	if why.Outcome == core.OutThrottled {
		left := max(1, why.RetryAfter.Milliseconds())
		rep.Header = http.Header{"X-Ratelimit-User-Api": {"Remain:0,TimeLeft:" + strconv.FormatInt(left, 10)}}
	}
	return rep
}

// Reply marshals v in the form that was asked for.
func (in Admitted) Reply(status int, v any, o core.Outcome) core.Reply {
	if !in.XML {
		return core.JSONReply(status, v, o)
	}
	body, err := xml.Marshal(v)
	if err != nil {
		return core.Reply{Status: http.StatusInternalServerError, Outcome: core.OutFailed}
	}
	body = append([]byte("<?xml version='1.0' encoding='UTF-8'?>"), body...)
	return core.Reply{Status: status, ContentType: "text/xml;charset=utf-8", Body: body, Outcome: o}
}

// NewRequestID makes one as Alibaba Cloud spells it.
func NewRequestID() string { return strings.ToUpper(uuid.NewString()) }
