package mailcow

import (
	"net/http"

	"keyturn/internal/sandbox/core"
)

// reasons are mailcow's words. A message with HTTP 200 comes in a list of what was done, one with another status does not.
// What mailcow cannot say (that a password stands already, that it did nothing) it answers as a fault of its own.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusOK, "access_denied", ""),
	core.OutUnauthorized: core.Because(http.StatusUnauthorized, "authentication failed", ""),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "Too Many Requests", ""),
	core.OutRejected:     core.Because(http.StatusOK, "password_complexity", ""),
	core.OutMalformed:    core.Because(http.StatusBadRequest, "Request body doesn't contain valid json!", ""),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "Internal Server Error", ""),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "Service Unavailable", ""),
	core.OutRepeat:       core.Because(http.StatusInternalServerError, "Internal Server Error", ""),
}

// said is one thing that was done, or not.
type said struct {
	Type    string `json:"type"`
	Log     []any  `json:"log,omitempty"`
	Message any    `json:"msg"` // a text, or a list of a text and what it is about
}

func failure(why core.Reason, o core.Outcome) core.Reply {
	if why.Status == http.StatusOK {
		return core.JSONReply(why.Status, []said{{Type: "danger", Log: []any{"mailbox", "edit", "mailbox"}, Message: why.Code}}, o)
	}
	return core.JSONReply(why.Status, said{Type: "error", Message: why.Code}, o)
}

func refuse(why core.Refusal) core.Reply { return failure(why.In(reasons), why.Outcome) }
