package tencentses

import (
	"net/http"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/signature"
)

// reasons are Tencent's words; all of them come with HTTP 200.
var reasons = map[core.Outcome]core.Reason{
	core.OutRepeat:       core.Because(200, "OperationDenied.RepeatPassWord", "The password cannot be the same as the last set password."),
	core.OutRejected:     core.Because(200, "InvalidParameterValue.InvalidSmtpPassWord", "The password can contain 10-20 characters and must contain at least 2 unique digits, lowercase letters, and uppercase letters."),
	core.OutUnknown:      core.Because(200, "InvalidParameterValue.NoSuchSender", "You don't have the sender address. Check if it exists."),
	core.OutUnauthorized: core.Because(200, signature.TC3SignatureFailure, "The provided credentials could not be validated. Please check your signature is correct."),
	core.OutThrottled:    core.Because(200, "RequestLimitExceeded", "Your current request times equals to the maximum in one second. Please slow down."),
	core.OutFailed:       core.Because(200, "InternalError", "Internal error."),
	core.OutUnavailable:  core.Because(200, "FailedOperation.ServiceNotAvailable", "The service is unavailable. Please try again later."),
	core.OutMalformed:    core.Because(200, "InvalidParameter", "The request is not what the API documents."),
}

// reply is Tencent's envelope; an outcome without a reason is a success.
func reply(why core.Reason, o core.Outcome) core.Reply {
	type fault struct{ Code, Message string }
	var out struct {
		Response struct {
			Error     *fault `json:",omitempty"`
			RequestId string //nolint:revive // Tencent's spelling
		}
	}
	out.Response.RequestId = uuid.NewString()
	if why.Code != "" {
		out.Response.Error = &fault{why.Code, why.Message}
	}
	return core.JSONReply(max(why.Status, http.StatusOK), out, o)
}
