package hubspot

import (
	"net/http"

	"github.com/google/uuid"

	"keyturn/internal/sandbox/core"
)

// reasons are HubSpot's statuses. Its errors have no codes that tell one refusal from another, so an injected code stands in
// for the message. What HubSpot cannot say of a reset (that a password stands already, or breaks a rule) it answers as a
// fault of its own.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "", "the SMTP API token does not exist"),
	core.OutUnauthorized: core.Because(http.StatusUnauthorized, "", "Authentication credentials not found"),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "You have reached your secondly limit."),
	core.OutFailed:       core.Because(http.StatusBadGateway, "", "internal error"),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "", "service temporarily unavailable"),
	core.OutRepeat:       core.Because(http.StatusBadGateway, "", "internal error"),
	core.OutRejected:     core.Because(http.StatusBadGateway, "", "internal error"),
}

// categories are of errors that have one.
var categories = map[core.Outcome]string{
	core.OutUnauthorized: "INVALID_AUTHENTICATION", core.OutThrottled: "RATE_LIMITS", core.OutMalformed: "VALIDATION_ERROR",
}

func failure(why core.Reason, o core.Outcome) core.Reply {
	if why.Code != "" {
		why.Message = why.Code
	}
	out := map[string]string{"status": "error", "message": why.Message, "correlationId": uuid.NewString()}
	if category := categories[o]; category != "" {
		out["category"] = category
	}
	return core.JSONReply(why.Status, out, o)
}

func refuse(why core.Refusal) core.Reply { return failure(why.In(reasons), why.Outcome) }
