package alibabadirectmail

import (
	"net/http"

	"keyturn/internal/rotation"
)

// errorTable is by code: the descriptions on the page of the call are shuffled, and throttling comes as HTTP 400. A
// code that it does not know is in doubt.
func errorTable() []rotation.ErrorRow {
	const (
		unsure     = "the service may or may not have done it; the same password is sent again"
		badRequest = "the request was refused as malformed: report it, keyturn may be out of date"
		tooMany    = "too many requests: lower the account's rate if this persists"
	)
	return []rotation.ErrorRow{
		{Code: "InvalidDomainPassword.Malformed", Kind: rotation.Rejected, Status: http.StatusBadRequest, Hint: "the password breaks the provider's rule: compare the policy with it"},
		{Code: "InvalidDomainPassword.equalcurrent", Kind: rotation.Repeat, Status: http.StatusBadRequest, Hint: "the password equals the current one"},
		{Code: "InvalidDomainName.Malformed", Kind: rotation.Target, Status: http.StatusBadRequest, Hint: "the domain name is malformed: check the target"},
		{Code: "InvalidDomain.NotFound", Kind: rotation.Target, Status: http.StatusNotFound, Hint: "the account has no such domain: check the target and the account's region"},
		{Code: "InvalidDomainStatus.Malformed", Kind: rotation.Target, Status: http.StatusBadRequest, Hint: "the domain is not in a state that allows it: verify it in the console"},
		{Code: "InvalidDomainId.Malformed", Kind: rotation.Target, Status: http.StatusNotFound, Hint: "the provider finds no id for the domain: check it in the console"},

		{Code: "Throttling*", Kind: rotation.RateLimited, Status: http.StatusBadRequest, Hint: tooMany},
		{Code: "HTTP 429", Kind: rotation.RateLimited, Status: http.StatusTooManyRequests, Hint: tooMany},
		{Code: "ServiceUnavailable", Kind: rotation.InDoubt, Status: http.StatusServiceUnavailable, Hint: unsure},
		{Code: "InternalError", Kind: rotation.InDoubt, Status: http.StatusInternalServerError, Hint: unsure},
		{Code: "InternalServiceError", Kind: rotation.InDoubt, Status: http.StatusInternalServerError, Hint: unsure},
		{Code: "SignatureNonceUsed", Kind: rotation.InDoubt, Status: http.StatusBadRequest, Hint: "an earlier copy of the request has arrived; the same password is sent again"},

		{Code: "InvalidTimeStamp.Expired", Kind: rotation.ClockSkew, Status: http.StatusBadRequest, Hint: "the clocks differ by more than fifteen minutes: repair the time service of this machine"},
		{Code: "SignatureDoesNotMatch", Kind: rotation.Unauthorized, Status: http.StatusBadRequest, Hint: "the access key's secret is wrong: check the account's keys"},
		{Code: "IncompleteSignature", Kind: rotation.Unauthorized, Status: http.StatusBadRequest, Hint: "the signature was not accepted: check the account's keys"},
		{Code: "InvalidAccessKeyId*", Kind: rotation.Unauthorized, Status: http.StatusNotFound, Hint: "the access key is unknown or disabled: check the account's keys"},
		{Code: "Forbidden*", Kind: rotation.Unauthorized, Status: http.StatusForbidden, Hint: "the key may not do this: grant dm:ModifyPWByDomain in RAM, or clear the risk control"},
		{Code: "NoPermission", Kind: rotation.Unauthorized, Status: http.StatusForbidden, Hint: "the key may not do this: grant dm:ModifyPWByDomain in RAM"},

		{Code: "InvalidAction*", Kind: rotation.Target, Status: http.StatusNotFound, Hint: "this endpoint does not know the call: check endpoint and region"},
		{Code: "InvalidVersion", Kind: rotation.Target, Status: http.StatusBadRequest, Hint: "this endpoint does not know API version " + version},
		{Code: "Missing*", Kind: rotation.Target, Status: http.StatusBadRequest, Hint: badRequest},
	}
}
