// Package kirimemail resets the passwords of KIRIM.EMAIL's SMTP credentials. The service makes the password itself.
package kirimemail

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

// Names of the management keys: the two halves of HTTP Basic.
const (
	keyUser  = "user"
	keyToken = "token"
)

var (
	// errTarget says what a target looks like.
	errTarget = errors.New("the target is DOMAIN/GUID, for instance example.com/92703823-f3a4-48e2-8e87-7adf25454800; `rotatectl import kirimemail` lists them")

	domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	guidForm   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// Provider describes KIRIM.EMAIL.
func Provider() rotation.Provider {
	return rotation.Provider{
		Code:     "kirimemail",
		Name:     "KIRIM.EMAIL",
		Call:     opReset,
		Doc:      "https://smtp-docs.kirim.email/openapi/operations/3bb48e47b58f0aa9c096797e224cbdf3",
		Mode:     rotation.ModeIssuer,
		Keys:     []string{keyUser, keyToken},
		Endpoint: func(string) string { return "https://smtp-app.kirim.email" },
		// No page names the limit; each reply does, in X-RateLimit-Limit. This is a careful guess.
		Rate:        rotation.Rate{Requests: 60, Per: time.Minute},
		QuotaPer:    time.Minute,
		Errors:      errorTable(),
		CheckTarget: checkTarget,
		// The target names the credential by its GUID, which is not its login.
		SMTPUsername: true,
		Pairs:        true,
		Overlaps:     &rotation.Overlapping{CheckTarget: checkDomain, CheckOwner: spelling.CheckOwner},
		Lists:        true,
		New:          newClient,
	}
}

// newClient takes Fresh connections: a reset that was lost with an old connection would have made a password that is
// lost.
func newClient(s rotation.Settings) (rotation.Client, error) {
	p := Provider()
	http, err := httpx.New(p, s, httpx.Fresh)
	if err != nil {
		return rotation.Client{}, err
	}
	c := &client{http: http, user: s.Keys[keyUser], token: s.Keys[keyToken], table: p.Errors}
	return rotation.Client{Issuer: c, Minter: minter{c}, Lister: c}, nil
}

func checkTarget(target string) (string, error) {
	domain, guid, err := splitTarget(target)
	if err != nil {
		return "", err
	}
	return domain + "/" + guid, nil
}

func splitTarget(target string) (domain, guid string, err error) {
	domain, guid, found := strings.Cut(strings.TrimSpace(target), "/")
	domain, err = spelling.Domain(domain)
	guid = strings.ToLower(guid)
	if err != nil || !found || !domainForm.MatchString(domain) || !guidForm.MatchString(guid) {
		return "", "", errTarget
	}
	return domain, guid, nil
}
