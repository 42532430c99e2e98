package smtp2go

import (
	"net/http"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/core"
)

// prefix begins every code.
const prefix = "E_ApiResponseCodes."

// reasons are SMTP2GO's statuses, and the codes that its pages show. What it cannot say (that a password stands already,
// that it did nothing) it answers as an exception.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "", "The requested resource doesn't exist"),
	core.OutUnauthorized: core.Because(http.StatusUnauthorized, "", "No valid API key was provided"),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "Too many requests hit the API too quickly"),
	core.OutRejected:     core.Because(http.StatusBadRequest, prefix+"NON_VALIDATING_IN_PAYLOAD", "The field 'email_password' is not valid"),
	core.OutMalformed:    core.Because(http.StatusBadRequest, prefix+"NON_VALIDATING_IN_PAYLOAD", "An error occurred processing the json data"),
	core.OutFailed:       core.Because(http.StatusInternalServerError, prefix+"API_EXCEPTION", "Something went wrong"),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "", "Something went wrong"),
	core.OutRepeat:       core.Because(http.StatusBadRequest, prefix+"API_EXCEPTION", "Something went wrong"),
}

func failure(why core.Reason, o core.Outcome) core.Reply {
	data := map[string]string{"error": why.Message}
	if why.Code != "" {
		data["error_code"] = why.Code
	}
	return core.JSONReply(why.Status, map[string]any{"request_id": uuid.NewString(), "data": data}, o)
}

func refuse(why core.Refusal) core.Reply { return failure(why.In(reasons), why.Outcome) }
