package httpx

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Request is one call of a provider's API.
type Request struct {
	Op     string // the provider's name of the call, for errors and metrics
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte
}

var (
	errMethod = errors.New("the request has no valid method")
	errURL    = errors.New("the request has no valid address")
	errHeader = errors.New("a header has an invalid value: look for a line break or a control character in the account's keys")
)

// check finds what net/http would refuse, some of it only once it has a connection, when nothing is provable any more.
// Its errors quote nothing from the request.
func (r Request) check() error {
	if r.Method == "" || strings.ContainsFunc(r.Method, func(c rune) bool { return c < 'A' || c > 'Z' }) {
		return errMethod
	}
	if u := r.URL; u == nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
		strings.ContainsFunc(u.RequestURI(), func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return errURL
	}
	for name, values := range r.Header {
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c) }) {
			return errHeader
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return errHeader
			}
		}
	}
	return nil
}
