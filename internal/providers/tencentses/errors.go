package tencentses

import (
	"net/http"

	"keyturn/internal/rotation"
)

// errorTable holds the codes on the page of the call and the common ones. A code that it does not know is in doubt.
func errorTable() []rotation.ErrorRow {
	const (
		badRequest = "the request was refused as malformed: report it, keyturn may be out of date"
		unsure     = "the service may or may not have done it; the same password is sent again"
	)
	return []rotation.ErrorRow{
		{Code: "OperationDenied.RepeatPassWord", Kind: rotation.Repeat, Status: http.StatusOK, Hint: "the password equals the current one"},
		{Code: "InvalidParameterValue.InvalidSmtpPassWord", Kind: rotation.Rejected, Status: http.StatusOK, Hint: "the password breaks the provider's rule: compare the policy with it"},
		{Code: "InvalidParameterValue.NoSuchSender", Kind: rotation.Target, Status: http.StatusOK, Hint: "the account has no such sender address: check the target and the region"},

		{Code: "AuthFailure.SignatureExpire", Kind: rotation.ClockSkew, Status: http.StatusOK, Hint: "the clocks differ by more than five minutes: repair the time service of this machine"},
		{Code: "AuthFailure*", Kind: rotation.Unauthorized, Status: http.StatusOK, Hint: "the secret id or key was refused: check that both are current and enabled"},
		{Code: "UnauthorizedOperation*", Kind: rotation.Unauthorized, Status: http.StatusOK, Hint: "the key lacks the right ses:UpdateEmailSmtpPassWord: grant it in CAM"},
		{Code: "IpNotInWhitelist", Kind: rotation.Unauthorized, Status: http.StatusOK, Hint: "our address is not on the key's allow-list: add it"},
		{Code: "IpInBlacklist", Kind: rotation.Unauthorized, Status: http.StatusOK, Hint: "our address is on the key's block-list: remove it"},

		{Code: "RequestLimitExceeded*", Kind: rotation.RateLimited, Status: http.StatusOK, Hint: "too many requests: lower the account's rate if this persists"},
		{Code: "HTTP 429", Kind: rotation.RateLimited, Status: http.StatusTooManyRequests, Hint: "too many requests: lower the account's rate if this persists"},

		{Code: "InternalError*", Kind: rotation.InDoubt, Status: http.StatusOK, Hint: unsure},
		{Code: "ResourceUnavailable*", Kind: rotation.InDoubt, Status: http.StatusOK, Hint: unsure},
		{Code: "ServiceUnavailable", Kind: rotation.InDoubt, Status: http.StatusOK, Hint: unsure},
		{Code: "FailedOperation.ServiceNotAvailable", Kind: rotation.Unavailable, Status: http.StatusOK, Hint: "the service did nothing and asks to try again"},

		{Code: "LimitExceeded*", Kind: rotation.Target, Status: http.StatusOK, Hint: "a quota of the account is used up: raise it at the provider"},
		{Code: "ActionOffline", Kind: rotation.Target, Status: http.StatusOK, Hint: "the provider has withdrawn this call"},
		{Code: "InvalidAction", Kind: rotation.Target, Status: http.StatusOK, Hint: "this endpoint does not know the call: check endpoint and region"},
		{Code: "NoSuchProduct", Kind: rotation.Target, Status: http.StatusOK, Hint: "this endpoint does not serve SES: check endpoint and region"},
		{Code: "NoSuchVersion", Kind: rotation.Target, Status: http.StatusOK, Hint: "this endpoint does not know API version " + version},
		{Code: "UnsupportedRegion", Kind: rotation.Target, Status: http.StatusOK, Hint: "the region does not have the service: check the account's region"},
		{Code: "UnsupportedOperation", Kind: rotation.Target, Status: http.StatusOK, Hint: "the provider does not allow this call for the account"},
		{Code: "UnsupportedProtocol", Kind: rotation.Target, Status: http.StatusOK, Hint: "the endpoint requires https"},
		{Code: "MissingParameter", Kind: rotation.Target, Status: http.StatusOK, Hint: badRequest},
		{Code: "UnknownParameter", Kind: rotation.Target, Status: http.StatusOK, Hint: badRequest},
		{Code: "InvalidParameter", Kind: rotation.Target, Status: http.StatusOK, Hint: badRequest},
		{Code: "InvalidParameterValue", Kind: rotation.Target, Status: http.StatusOK, Hint: badRequest},
		{Code: "InvalidRequest", Kind: rotation.Target, Status: http.StatusOK, Hint: badRequest},
	}
}
