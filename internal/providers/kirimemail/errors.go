package kirimemail

import (
	"net/http"

	"keyturn/internal/rotation"
)

// errorTable goes by status, because the service gives no codes. Everything else is in doubt, HTTP 200 with
// success=false included.
func errorTable() []rotation.ErrorRow {
	return []rotation.ErrorRow{
		{Code: "HTTP 401", Kind: rotation.Unauthorized, Status: http.StatusUnauthorized, Hint: "the user or the API token was refused: check both"},
		{Code: "HTTP 403", Kind: rotation.Target, Status: http.StatusForbidden, Hint: "the credential does not belong to this domain: check the target"},
		{Code: "HTTP 404", Kind: rotation.Target, Status: http.StatusNotFound, Hint: "the credential does not exist: check the target"},
		{Code: "HTTP 422", Kind: rotation.InDoubt, Status: http.StatusUnprocessableEntity, Hint: "not documented; of a credential that is to be created: the domain has no room for another one, or the name is taken"},
		{Code: "HTTP 429", Kind: rotation.RateLimited, Status: http.StatusTooManyRequests, Hint: "too many requests: lower the account's rate if this persists"},
		{Code: "HTTP 500", Kind: rotation.InDoubt, Status: http.StatusInternalServerError, Hint: "a password may have been made and lost; keyturn asks for another one"},
	}
}
