package alibabadomain

import (
	"net/http"

	"keyturn/internal/rotation"
)

// errorTable holds the codes of a whole call; those of single addresses are results. A code that it does not know is
// in doubt.
func errorTable() []rotation.ErrorRow {
	const (
		unsure     = "some mails may have been sent; asking again sends no second one"
		badRequest = "the request was refused as malformed: report it, keyturn may be out of date"
		tooMany    = "too many requests: lower the account's rate if this persists"
	)
	return []rotation.ErrorRow{
		{Code: "ParameterIllegal", Kind: rotation.Target, Status: http.StatusBadRequest, Hint: "an address was refused: check the addresses"},
		{Code: "NetworkIOError", Kind: rotation.Unavailable, Status: http.StatusBadRequest, Hint: "the service could not reach its own parts and asks to try again"},

		{Code: "Throttling*", Kind: rotation.RateLimited, Status: http.StatusBadRequest, Hint: tooMany},
		{Code: "HTTP 429", Kind: rotation.RateLimited, Status: http.StatusTooManyRequests, Hint: tooMany},
		{Code: "ServiceUnavailable", Kind: rotation.InDoubt, Status: http.StatusServiceUnavailable, Hint: unsure},
		{Code: "InternalError", Kind: rotation.InDoubt, Status: http.StatusInternalServerError, Hint: unsure},
		{Code: "SignatureNonceUsed", Kind: rotation.InDoubt, Status: http.StatusBadRequest, Hint: "an earlier copy of the request has arrived"},

		{Code: "InvalidTimeStamp.Expired", Kind: rotation.ClockSkew, Status: http.StatusBadRequest, Hint: "the clocks differ by more than fifteen minutes: repair the time service of this machine"},
		{Code: "SignatureDoesNotMatch", Kind: rotation.Unauthorized, Status: http.StatusBadRequest, Hint: "the access key's secret is wrong: check the account's keys"},
		{Code: "IncompleteSignature", Kind: rotation.Unauthorized, Status: http.StatusBadRequest, Hint: "the signature was not accepted: check the account's keys"},
		{Code: "InvalidAccessKeyId*", Kind: rotation.Unauthorized, Status: http.StatusNotFound, Hint: "the access key is unknown or disabled: check the account's keys, and that they belong to this site"},
		{Code: "Forbidden*", Kind: rotation.Unauthorized, Status: http.StatusForbidden, Hint: "the key may not do this: grant domain:EmailVerificationOperation in RAM"},
		{Code: "NoPermission", Kind: rotation.Unauthorized, Status: http.StatusForbidden, Hint: "the key may not do this: grant domain:EmailVerificationOperation in RAM"},

		{Code: "InvalidAction*", Kind: rotation.Target, Status: http.StatusNotFound, Hint: "this endpoint does not know the call: check endpoint and region"},
		{Code: "InvalidVersion", Kind: rotation.Target, Status: http.StatusBadRequest, Hint: "this endpoint does not know the API version of the region: check both"},
		{Code: "Missing*", Kind: rotation.Target, Status: http.StatusBadRequest, Hint: badRequest},
	}
}
