package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// tencentOp is the only action of Tencent SES that the sandbox knows.
// https://www.tencentcloud.com/document/product/1084/49530
const tencentOp = "UpdateEmailSmtpPassWord"

const tencentVersion = "2020-10-02"

var tencentRegions = []string{"ap-guangzhou", "ap-hongkong", "ap-singapore"}

// tencentReasons are Tencent's words; all of them come with HTTP 200.
var tencentReasons = map[outcome]reason{
	outRepeat:       {200, "OperationDenied.RepeatPassWord", "The password cannot be the same as the last set password."},
	outRejected:     {200, "InvalidParameterValue.InvalidSmtpPassWord", "The password can contain 10-20 characters and must contain at least 2 unique digits, lowercase letters, and uppercase letters."},
	outUnknown:      {200, "InvalidParameterValue.NoSuchSender", "You don't have the sender address. Check if it exists."},
	outUnauthorized: {200, tcSignatureFailure, "The provided credentials could not be validated. Please check your signature is correct."},
	outThrottled:    {200, "RequestLimitExceeded", "Your current request times equals to the maximum in one second. Please slow down."},
	outFailed:       {200, "InternalError", "Internal error."},
	outUnavailable:  {200, "FailedOperation.ServiceNotAvailable", "The service is unavailable. Please try again later."},
	outMalformed:    {200, "InvalidParameter", "The request is not what the API documents."},
}

// tencent is the stand-in of Tencent SES.
type tencent struct{ *service }

func (t tencent) open(r *http.Request, body []byte) (*call, *reply) {
	refuse := func(o outcome, code, message string) (*call, *reply) {
		rep := tencentReply(reason{http.StatusOK, code, message}, o)
		return nil, &rep
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		return refuse(outMalformed, "UnsupportedProtocol", "This stand-in takes POST / only.")
	}
	op := r.Header.Get("X-TC-Action")
	for _, name := range []string{"X-TC-Action", "X-TC-Version", "X-TC-Timestamp", "X-TC-Region", "Authorization"} {
		if r.Header.Get(name) == "" {
			return refuse(outMalformed, "MissingParameter", "The request lacks the header "+name+".")
		}
	}
	id, code := verifyTC3(r, body, "ses", t.now(), t.secret)
	switch {
	case code != "":
		return refuse(outUnauthorized, code, "The request was not authenticated: "+code+".")
	case r.Header.Get("X-TC-Version") != tencentVersion:
		return refuse(outMalformed, "NoSuchVersion", "The API version does not exist.")
	case op != tencentOp:
		return refuse(outMalformed, "InvalidAction", "The action does not exist.")
	case !oneOf(r.Header.Get("X-TC-Region"), tencentRegions...):
		return refuse(outMalformed, "UnsupportedRegion", "The region does not support this API.")
	}
	in, code := readTencent(r, body)
	if code != "" {
		return refuse(outMalformed, code, "The parameters are not those of "+tencentOp+".")
	}
	return &call{
		op: op, target: in.target(), changes: true, account: t.accounts[id],
		do:     func(lag lag) reply { return t.set(in, lag) },
		refuse: func(why refusal) reply { return tencentReply(why.in(tencentReasons), why.outcome) },
	}, nil
}

// tencentInput is the body of UpdateEmailSmtpPassWord.
type tencentInput struct {
	EmailAddress, Password *string
}

func (in tencentInput) target() string { return strings.ToLower(*in.EmailAddress) }

func readTencent(r *http.Request, body []byte) (in tencentInput, code string) {
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

func (t tencent) set(in tencentInput, lag lag) reply {
	result := outUnknown
	if _, known := t.ledger.get(in.target()); known {
		result = outRejected
		if tencentPassword(*in.Password) {
			_, result = t.ledger.set(in.target(), *in.Password, lag.delay)
		}
	}
	return tencentReply(tencentReasons[result], result)
}

// tencentReply is Tencent's envelope; an outcome without a reason is a success.
func tencentReply(why reason, o outcome) reply {
	type fault struct{ Code, Message string }
	var out struct {
		Response struct {
			Error     *fault `json:",omitempty"`
			RequestId string //nolint:revive // Tencent's spelling
		}
	}
	out.Response.RequestId = uuid.NewString()
	if why.code != "" {
		out.Response.Error = &fault{why.code, why.message}
	}
	return jsonReply(max(why.status, http.StatusOK), out, o)
}
