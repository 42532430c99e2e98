package sendgrid

import (
	"net/http"
	"strconv"
	"time"

	"keyturn/internal/sandbox/core"
)

// reasons are SendGrid's statuses; its errors have no codes, so an injected code stands in for the message. What SendGrid
// cannot say of a key (that a password stands already, or breaks a rule, that it did nothing) it answers as a fault of its own.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "", "resource not found"),
	core.OutUnauthorized: core.Because(http.StatusUnauthorized, "", "authorization required"),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "too many requests"),
	core.OutMalformed:    core.Because(http.StatusBadRequest, "", "missing required argument"),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "", "internal server error"),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "", "service unavailable"),
	core.OutRepeat:       core.Because(http.StatusInternalServerError, "", "internal server error"),
	core.OutRejected:     core.Because(http.StatusInternalServerError, "", "internal server error"),
}

// full is the answer to one key too many.
var full = core.Because(http.StatusForbidden, "", "Cannot create more than 100 API Keys")

func failure(why core.Reason, o core.Outcome) core.Reply {
	if why.Code != "" {
		why.Message = why.Code
	}
	type one struct {
		Field   *string `json:"field"`
		Message string  `json:"message"`
	}
	return core.JSONReply(why.Status, map[string][]one{"errors": {{Message: why.Message}}}, o)
}

// refuse says no. X-RateLimit-Reset is an instant in seconds since 1970.
func (s service) refuse(why core.Refusal) core.Reply {
	rep := failure(why.In(reasons), why.Outcome)
	if why.Outcome == core.OutThrottled {
		over := s.Now().Add(why.RetryAfter + time.Second - 1)
		rep.Header = http.Header{"X-Ratelimit-Reset": {strconv.FormatInt(over.Unix(), 10)}}
	}
	return rep
}
