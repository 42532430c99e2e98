package mailu

import (
	"net/http"

	"keyturn/internal/sandbox/core"
)

// reasons are Mailu's words. It has none for a password: its API takes any, so that a refusal of one, which only a fault asks
// for, is answered as a fault of the server; so is what Mailu cannot say.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "", "User cannot be found"),
	core.OutUnauthorized: core.Because(http.StatusForbidden, "", "Invalid API token"),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "Too many attempts from your IP (rate-limit)"),
	core.OutMalformed:    core.Because(http.StatusBadRequest, "", "Input payload validation failed"),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "", "Internal Server Error"),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "", "Service Unavailable"),
	core.OutRejected:     core.Because(http.StatusInternalServerError, "", "Internal Server Error"),
	core.OutRepeat:       core.Because(http.StatusInternalServerError, "", "Internal Server Error"),
}

// failure is an error as Flask writes it; an injected code stands in for the message, because there are no codes.
func failure(why core.Reason, o core.Outcome) core.Reply {
	if why.Code != "" {
		why.Message = why.Code
	}
	return core.JSONReply(why.Status, map[string]string{"message": why.Message}, o)
}

// answer is what a call itself says.
func answer(status int, message string, o core.Outcome) core.Reply {
	return core.JSONReply(status, map[string]any{"code": status, "message": message}, o)
}

func refuse(why core.Refusal) core.Reply { return failure(why.In(reasons), why.Outcome) }
