// Package spelling gives targets one spelling each, so that two spellings of one target cannot be two credentials that
// change each other's password.
package spelling

import (
	"errors"
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

var (
	errDomain  = errors.New("not a domain")
	errAddress = errors.New("not a mail address")
)

const (
	longestDomain = 253
	longestLabel  = 63
)

// profile maps what a person may type (capitals, full-width letters and dots, composed and decomposed letters) as browsers
// do, and writes each label as the A-label in the DNS.
var profile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.CheckHyphens(false), idna.StrictDomainName(false))

// Domain returns the one spelling of a domain: ASCII in lower case, labels beyond ASCII as xn--, without the dot that ends
// a fully qualified name. Labels are letters, digits, '-' and '_'; a provider may accept less.
func Domain(text string) (string, error) {
	name := strings.TrimSpace(text)
	if !utf8.ValidString(name) {
		return "", errDomain
	}
	if !isASCII(name) || strings.Contains(strings.ToLower(name), "xn--") {
		var err error
		if name, err = profile.ToASCII(name); err != nil {
			return "", errDomain
		}
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if len(name) > longestDomain {
		return "", errDomain
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > longestLabel || strings.ContainsFunc(label, odd) {
			return "", errDomain
		}
	}
	return name, nil
}

func odd(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' }

// Address returns the one spelling of a bare mail address: its domain as Domain does, and the part before the @ in
// compatibility form. That part keeps its case, which is the mail server's affair.
func Address(text string) (string, error) {
	address := strings.TrimSpace(text)
	if !isASCII(address) {
		address = norm.NFKC.String(address)
	}
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", errAddress
	}
	domain, err := Domain(address[at+1:])
	if err != nil {
		return "", errAddress
	}
	address = address[:at+1] + domain
	if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address || parsed.Name != "" {
		return "", errAddress
	}
	return address, nil
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
