package migadu

import (
	"net/http"

	"keyturn/internal/sandbox/core"
)

// reasons are Migadu's statuses. The page knows 400 alone, without a text; the others are what clients of the API expect. Of
// a password that stands already, and of nothing that was done, it says nothing: both are answered as faults of the service.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "", "no such mailbox"),
	core.OutUnauthorized: core.Because(http.StatusUnauthorized, "", "unauthorized"),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "too many requests"),
	core.OutMalformed:    core.Because(http.StatusBadRequest, "", "bad request"),
	core.OutRejected:     core.Because(http.StatusBadRequest, "", "bad request"),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "", "internal server error"),
	core.OutUnavailable:  core.Because(http.StatusInternalServerError, "", "internal server error"),
	core.OutRepeat:       core.Because(http.StatusInternalServerError, "", "internal server error"),
}

// failure is a refusal; an injected code stands in for its text, because there are no codes.
func failure(why core.Reason, o core.Outcome) core.Reply {
	if why.Code != "" {
		why.Message = why.Code
	}
	return core.JSONReply(why.Status, map[string]string{"error": why.Message}, o)
}

func refuse(why core.Refusal) core.Reply { return failure(why.In(reasons), why.Outcome) }
