package ahasend

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"keyturn/internal/sandbox/core"
)

// reasons are AhaSend's words; its errors have no codes, so an injected code stands in for the message. What AhaSend cannot
// say of a credential (that a password stands already, or breaks a rule, that it did nothing) it answers as a fault of its own.
var reasons = map[core.Outcome]core.Reason{
	core.OutUnknown:      core.Because(http.StatusNotFound, "", "domain not found"),
	core.OutUnauthorized: core.Because(http.StatusUnauthorized, "", "Invalid API key"),
	core.OutThrottled:    core.Because(http.StatusTooManyRequests, "", "Too many requests, rate limited."),
	core.OutMalformed:    core.Because(http.StatusBadRequest, "", "invalid request body"),
	core.OutFailed:       core.Because(http.StatusInternalServerError, "", "Internal server error"),
	core.OutUnavailable:  core.Because(http.StatusInternalServerError, "", "Internal server error"),
	core.OutRepeat:       core.Because(http.StatusInternalServerError, "", "Internal server error"),
	core.OutRejected:     core.Because(http.StatusInternalServerError, "", "Internal server error"),
}

func failure(why core.Reason, o core.Outcome) core.Reply {
	if why.Code != "" {
		why.Message = why.Code
	}
	return core.JSONReply(why.Status, map[string]string{"message": why.Message}, o)
}

func refuse(why core.Refusal) core.Reply { return failure(why.In(reasons), why.Outcome) }

// credential is the resource as the API shows it, without its password.
type credential struct {
	Object    string    `json:"object"`
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Name      string    `json:"name"`
	Username  string    `json:"username"`
	Sandbox   bool      `json:"sandbox"`
	Scope     string    `json:"scope"`
}

// created is one that was made: its password is shown once.
type created struct {
	credential
	Password string `json:"password"`
}

type pagination struct {
	More bool   `json:"has_more"`
	Next string `json:"next_cursor,omitempty"`
}

func asCredential(r core.Record) credential {
	return credential{
		Object: "credential_smtp", ID: idOf(r), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.CreatedAt.UTC(),
		Name: r.Username, Username: login(idOf(r)), Scope: "scoped",
	}
}

// sizeOf reads how many items a page has; 100 where the request does not say.
func sizeOf(text string) (n int, ok bool) {
	if text == "" {
		return pageSize, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= pageSize
}

// told is an answer that was given to a request with an idempotency key.
type told struct {
	path  string
	body  []byte
	reply core.Reply
}

// once answers a request that comes again under its idempotency key with what it was answered before, unless that was a
// fault of the service. The same key with another request is refused.
func (s *service) once(account string, r *http.Request, body []byte, do func() core.Reply) core.Reply {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return do()
	}
	key = account + "/" + key
	s.mu.Lock()
	before, again := s.told[key]
	s.mu.Unlock()
	if again && (before.path != r.URL.Path || !bytes.Equal(before.body, body)) {
		return failure(core.Because(http.StatusUnprocessableEntity, "", "idempotency key was already used with a different request payload"), core.OutMalformed)
	}
	if again {
		before.reply.Outcome, before.reply.Header = core.OutRead, http.Header{"Idempotent-Replayed": {"true"}}
		return before.reply
	}
	reply := do()
	if reply.Status < http.StatusInternalServerError {
		s.mu.Lock()
		s.told[key] = told{r.URL.Path, bytes.Clone(body), reply}
		s.mu.Unlock()
	}
	return reply
}
