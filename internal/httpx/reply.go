package httpx

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// Reply is a complete answer of a provider. Its body may hold a password: it must not be printed.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte

	client   *Client
	op       string
	received time.Time
}

// Refusal returns the error for an answer that refuses the request, in the provider's code, or "" if it has none. table
// is the provider's error table (see Lookup).
func (r *Reply) Refusal(table []rotation.ErrorRow, code, requestID string) *rotation.Error {
	return r.Classified(Lookup(table, code, r.Status), code, requestID)
}

// Classified is Refusal for a provider that finds the row of its table itself. A refusal for the clock has the client
// sign by the provider's from now on, and can be tried again at once.
func (r *Reply) Classified(row rotation.ErrorRow, code, requestID string) *rotation.Error {
	e := &rotation.Error{
		Kind:       row.Kind,
		Provider:   r.client.provider,
		Op:         r.op,
		Code:       Printable(code),
		RequestID:  Printable(requestID),
		RetryAfter: r.retryAfter(),
		Hint:       row.Hint,
	}
	if e.Code == "" {
		e.Code = statusCode(r.Status)
	}
	if row.Kind == rotation.ClockSkew {
		e.Err = r.skewError()
		if ahead, ok := r.Skew(); ok && r.client.correct(ahead) {
			e.RetryAfter = max(e.RetryAfter, time.Second)
		}
	}
	return e
}

// Malformed returns the error for an answer that is not what the provider documents; what says how, in our words. The
// meaning of such an answer is unknown, so it is in doubt, with one exception: a 429 comes from a gateway in front of
// the service, which often answers in HTML.
func (r *Reply) Malformed(what string) *rotation.Error {
	row := rotation.ErrorRow{Hint: what}
	switch {
	case r.Status == http.StatusTooManyRequests:
		row.Kind, row.Hint = rotation.RateLimited, "too many requests: lower the account's rate if this persists"
	case r.Status >= 300 && r.Status < 400:
		row.Hint = "redirects are not followed: check the account's endpoint"
	}
	return r.Classified(row, "", "")
}

// Skew returns how far this machine's clock is ahead of the provider's, to the second, and false if the reply has no
// usable Date.
func (r *Reply) Skew() (time.Duration, bool) {
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return r.received.Sub(date).Round(time.Second), true
}

func (r *Reply) skewError() error {
	skew, ok := r.Skew()
	switch {
	case !ok:
		return errors.New("the reply has no Date to compare this machine's clock with")
	case skew < 0:
		return fmt.Errorf("this machine's clock is %v behind the provider's", -skew)
	default:
		return fmt.Errorf("this machine's clock is %v ahead of the provider's", skew)
	}
}

// Printable lets through what looks like a code or an id. Anything else could be a piece of the request.
func Printable(s string) string {
	const longest = 128
	odd := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._- ", c))
	}
	if len(s) > longest || strings.ContainsFunc(s, odd) {
		return "unreadable"
	}
	return s
}
