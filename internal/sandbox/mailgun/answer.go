package mailgun

import (
	"net/http"
	"strconv"

	"keyturn/internal/sandbox/core"
)

// forbidden is the answer to a key that is not known: plain text, as the service has been seen to give it.
const forbidden = "Forbidden"

// reasons are Mailgun's statuses; its errors have no codes, so an injected code stands in for the message. What Mailgun
// cannot say (that a password stands already, that it did nothing) it answers as a fault of its own.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "", "Credentials not found"),
	core.OutUnauthorized: core.Because(http.StatusUnauthorized, "", forbidden),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "Too many requests"),
	core.OutRejected:     core.Because(http.StatusBadRequest, "", "Password must be from 5 to 32 characters long"),
	core.OutMalformed:    core.Because(http.StatusBadRequest, "", "Bad request"),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "", "Internal Server Error"),
	core.OutUnavailable:  core.Because(http.StatusServiceUnavailable, "", "Service unavailable"),
	core.OutRepeat:       core.Because(http.StatusInternalServerError, "", "Internal Server Error"),
}

// noEndpoint is what a path that leads nowhere answers: no JSON, as the page on codes says.
var noEndpoint = core.Reply{Status: http.StatusNotFound, ContentType: "text/plain", Body: []byte("404 page not found"), Outcome: core.OutMalformed}

func failure(why core.Reason, o core.Outcome) core.Reply {
	if why.Code != "" {
		why.Message = why.Code
	}
	if why.Message == forbidden {
		return core.Reply{Status: why.Status, ContentType: "text/plain", Body: []byte(forbidden), Outcome: o}
	}
	return core.JSONReply(why.Status, map[string]string{"message": why.Message}, o)
}

// refuse says no. X-RateLimit-Reset is an instant in milliseconds since 1970.
func (m service) refuse(why core.Refusal) core.Reply {
	rep := failure(why.In(reasons), why.Outcome)
	if why.Outcome == core.OutThrottled {
		rep.Header = http.Header{"X-Ratelimit-Reset": {strconv.FormatInt(m.Now().Add(why.RetryAfter).UnixMilli(), 10)}}
	}
	return rep
}
