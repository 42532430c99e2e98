package declared

import (
	"net/http"
	"strconv"
	"time"

	"keyturn/internal/config/document"
	"keyturn/internal/httpx"
	"keyturn/internal/providers/signature"
	"keyturn/internal/secret"
)

// stamp is what makes one signed request unlike the next.
type stamp struct {
	now   time.Time
	nonce string
}

// scheme is a way to sign requests that providers share, written in Go: a description names it, and says what it needs.
type scheme struct {
	fields []string
	sign   func(r httpx.Request, at stamp, of func(field string) string)
	stamp  func(header http.Header) (stamp, error) // of a request that is signed
}

var schemes = map[string]scheme{
	"sigv4": {[]string{"id", "secret", "region", "service"}, func(r httpx.Request, at stamp, of func(string) string) {
		signature.SigV4{KeyID: of("id"), Secret: secret.New(of("secret")), Region: of("region"), Service: of("service")}.
			Sign(r.Method, r.URL, r.Header, r.Body, at.now)
	}, func(h http.Header) (at stamp, err error) {
		at.now, err = time.Parse("20060102T150405Z", h.Get("X-Amz-Date"))
		return at, err
	}},
	"tc3": {[]string{"id", "secret", "service"}, func(r httpx.Request, at stamp, of func(string) string) {
		signature.TC3{KeyID: of("id"), Secret: secret.New(of("secret")), Service: of("service")}.
			Sign(r.Method, r.URL, r.Header, r.Body, at.now)
	}, func(h http.Header) (stamp, error) {
		seconds, err := strconv.ParseInt(h.Get("X-TC-Timestamp"), 10, 64)
		return stamp{now: time.Unix(seconds, 0)}, err
	}},
	"acs3": {[]string{"id", "secret"}, func(r httpx.Request, at stamp, of func(string) string) {
		signature.ACS3{KeyID: of("id"), Secret: secret.New(of("secret"))}.
			Sign(r.Method, r.URL, r.Header, r.Body, at.now, at.nonce)
	}, func(h http.Header) (at stamp, err error) {
		at.nonce = h.Get("X-Acs-Signature-Nonce")
		at.now, err = time.Parse("2006-01-02T15:04:05Z", h.Get("X-Acs-Date"))
		return at, err
	}},
}

// readScheme reads what a scheme needs.
func (s scope) readScheme(v *document.Value, scheme scheme) map[string]template {
	with := map[string]template{}
	v.Require(scheme.fields...)
	for _, name := range scheme.fields {
		if c := v.Child(name); c != nil {
			with[name] = s.parse(c, inAuth)
		}
	}
	return with
}

// derivations make a password of what an answer shows, by their names.
var derivations = map[string]func(shown secret.Value, region string) secret.Value{"ses-smtp": signature.SESPassword}
