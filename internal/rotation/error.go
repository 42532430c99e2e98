package rotation

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what an answer of a provider means for a rotation.
type Kind int

const (
	// InDoubt: the outcome is unknown. It is the zero value on purpose: an unclassified error is
	// treated as the dangerous one.
	InDoubt Kind = iota
	// NotSent: the request provably never reached the provider (dial or TLS failure).
	NotSent
	// RateLimited: refused for its rate; nothing changed. RetryAfter may say how long to wait.
	RateLimited
	// Repeat: refused because the new password equals the current one.
	Repeat
	// Rejected: refused because the password breaks the provider's rule.
	Rejected
	// Unauthorized: the management key, its rights or our address were refused.
	Unauthorized
	// Target: the target is unknown or malformed; no retry helps.
	Target
	// Unavailable: the provider says that it did nothing and to try again.
	Unavailable
	// ClockSkew: the request was refused unread because this machine's clock is off. The worker makes itself
	// unready and puts the task back; the account is not at fault.
	ClockSkew
	// Full: the provider holds as many identities as it allows; nothing was made.
	Full
)

var kindNames = [...]string{"in doubt", "not sent", "rate limited", "repeat", "rejected", "unauthorized", "target", "unavailable", "clock skew", "full"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// Error is the one error type of provider clients. It never carries a request, a reply body or a URL; Code and
// RequestID are the provider's own and safe to show.
type Error struct {
	Kind       Kind
	Provider   string        // registry code, for instance "tencent-ses"
	Op         string        // the provider's name of the call
	Code       string        // the provider's error code, or "HTTP 503" where there is none
	RequestID  string        // what the provider's support asks for
	RetryAfter time.Duration // 0 where the provider did not say
	Hint       string        // our own words: what it means, what to do
	Err        error         // cause; already free of URLs and secrets
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Provider, e.Op, e.Kind)
	if e.Code != "" {
		fmt.Fprintf(&b, ": %s", e.Code)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, ": %s", e.Hint)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request id %s)", e.RequestID)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// AsError treats whatever is not classified as in doubt.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: InDoubt, Op: "call", Err: err}
}
