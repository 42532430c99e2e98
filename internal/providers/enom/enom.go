// Package enom sets the access passwords of domains at eNom, and asks eNom whether a password is the live one.
package enom

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

// Names of the management keys. The token is what the API calls pw.
const (
	keyUID   = "uid"
	keyToken = "token"
)

// eNom has no regions but two environments, with tokens and address allow-lists of their own.
const (
	regionLive = "live"
	regionTest = "test"
)

var (
	// errTarget says what a target looks like.
	errTarget = errors.New("the target is a domain like example.com, with a second-level domain of 1 to 63 letters, digits and hyphens")

	sldForm = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
	tldForm = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)
)

// Provider describes eNom.
func Provider() rotation.Provider {
	return rotation.Provider{
		Code:     "enom",
		Name:     "eNom",
		Call:     cmdSet,
		Doc:      "https://api.enom.com/docs/SetPassword",
		Mode:     rotation.ModeSetter,
		Keys:     []string{keyUID, keyToken},
		Regions:  []string{regionLive, regionTest},
		Endpoint: endpoint,
		// No page names a limit.
		Rate:        rotation.Rate{Requests: 2, Per: time.Second},
		Rule:        rule(),
		Errors:      errorTable(),
		CheckTarget: checkTarget,
		ReadBack:    true,
		New:         newClient,
	}
}

func endpoint(region string) string {
	if region == regionTest {
		return "https://resellertest.enom.com/" + page
	}
	return "https://reseller.enom.com/" + page
}

// newClient takes Fresh connections, because every call is a GET, which net/http would repeat by itself.
func newClient(s rotation.Settings) (rotation.Client, error) {
	p := Provider()
	http, err := httpx.New(p, s, httpx.Fresh)
	if err != nil {
		return rotation.Client{}, err
	}
	url := *http.Endpoint
	url.Path = strings.TrimSuffix(url.Path, "/")
	if !strings.HasSuffix(url.Path, "/"+page) {
		url.Path += "/" + page
	}
	c := &client{http: http, url: &url, uid: s.Keys[keyUID], token: s.Keys[keyToken], table: p.Errors}
	return rotation.Client{Setter: c, ReadBack: c}, nil
}

func checkTarget(target string) (string, error) {
	sld, tld, err := splitTarget(target)
	if err != nil {
		return "", err
	}
	return sld + "." + tld, nil
}

// splitTarget cuts at the first dot: eNom's TLD of example.co.uk is co.uk.
func splitTarget(target string) (sld, tld string, err error) {
	domain, err := spelling.Domain(target)
	if err != nil {
		return "", "", errTarget
	}
	sld, tld, _ = strings.Cut(domain, ".")
	if !sldForm.MatchString(sld) || !tldForm.MatchString(tld) {
		return "", "", errTarget
	}
	return sld, tld, nil
}
