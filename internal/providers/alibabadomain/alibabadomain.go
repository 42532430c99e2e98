// Package alibabadomain has Alibaba Cloud Domains mail confirmation links to the contacts of domains.
package alibabadomain

import (
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/signature"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

// Names of the management keys.
const (
	keyID     = "access_key_id"
	keySecret = "access_key_secret"
)

// The two sites of the service have accounts, hosts and API versions of their own.
const (
	regionInternational = "international"
	regionChina         = "china"
)

// errTarget says what a target looks like.
var errTarget = errors.New("the target is one mail address like owner@example.com")

// Provider describes Alibaba Cloud Domains.
func Provider() rotation.Provider {
	return rotation.Provider{
		Code:     "alibaba-domain",
		Name:     "Alibaba Cloud Domains",
		Call:     action,
		Doc:      "https://www.alibabacloud.com/help/en/dws/developer-reference/api-submitemailverification",
		Mode:     rotation.ModeContacts,
		Keys:     []string{keyID, keySecret},
		Regions:  []string{regionInternational, regionChina},
		Endpoint: endpoint,
		// No page names a limit; every call sends mail to people.
		Rate:        rotation.Rate{Requests: 1, Per: time.Second},
		Errors:      errorTable(),
		CheckTarget: checkTarget,
		New:         newClient,
	}
}

func endpoint(region string) string {
	if region == regionChina {
		return "https://domain.aliyuncs.com"
	}
	return "https://domain-intl.aliyuncs.com"
}

func newClient(s rotation.Settings) (rotation.Client, error) {
	p := Provider()
	http, err := httpx.New(p, s, httpx.Pooled)
	if err != nil {
		return rotation.Client{}, err
	}
	version := versionInternational
	if s.Region == regionChina {
		version = versionChina
	}
	c := &client{
		http:    http,
		version: version,
		table:   p.Errors,
		key:     signature.ACS3{KeyID: s.Keys[keyID].Reveal(), Secret: s.Keys[keySecret]},
		nonce:   rand.Text,
	}
	return rotation.Client{Contacts: c}, nil
}

// checkTarget takes a single address: several in one would have no result of their own.
func checkTarget(target string) (string, error) {
	address, err := spelling.Address(target)
	if err != nil || strings.Contains(address, ",") {
		return "", errTarget
	}
	return address, nil
}
