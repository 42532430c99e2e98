// Package tencentses sets the SMTP passwords of Tencent Cloud SES sender addresses.
package tencentses

import (
	"errors"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/signature"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

// Names of the management keys.
const (
	keySecretID  = "secret_id"
	keySecretKey = "secret_key"
)

// The regions of the service. Accounts of the China site and of the international site are separate: each knows only
// its own regions.
const (
	regionGuangzhou = "ap-guangzhou"
	regionHongkong  = "ap-hongkong"
	regionSingapore = "ap-singapore"
)

// maxAddress is the longest EmailAddress, in characters.
const maxAddress = 128

// errTarget says what a target looks like.
var errTarget = errors.New("the target is a sender address like alerts@example.com, at most 128 characters long")

// Provider describes Tencent Cloud SES.
func Provider() rotation.Provider {
	return rotation.Provider{
		Code:        "tencent-ses",
		Name:        "Tencent Cloud SES",
		Call:        action,
		Doc:         "https://www.tencentcloud.com/document/api/1084/52677",
		Mode:        rotation.ModeSetter,
		Pairs:       true,
		SendsAs:     true,
		Keys:        []string{keySecretID, keySecretKey},
		Regions:     []string{regionGuangzhou, regionHongkong, regionSingapore},
		Endpoint:    endpoint,
		Rate:        rotation.Rate{Requests: 20, Per: time.Second},
		Rule:        rule(),
		Errors:      errorTable(),
		CheckTarget: checkTarget,
		New:         newClient,
	}
}

func endpoint(region string) string {
	if region == regionSingapore {
		return "https://ses.intl.tencentcloudapi.com"
	}
	return "https://ses.tencentcloudapi.com"
}

func newClient(s rotation.Settings) (rotation.Client, error) {
	p := Provider()
	http, err := httpx.New(p, s, httpx.Pooled)
	if err != nil {
		return rotation.Client{}, err
	}
	region := s.Region
	if region == "" {
		region = p.Regions[0]
	}
	c := &client{
		http:   http,
		region: region,
		table:  p.Errors,
		key: signature.TC3{
			KeyID:   s.Keys[keySecretID].Reveal(),
			Secret:  s.Keys[keySecretKey],
			Service: "ses",
		},
	}
	return rotation.Client{Setter: c}, nil
}

func checkTarget(target string) (string, error) {
	address, err := spelling.Address(target)
	if err != nil || len(address) > maxAddress {
		return "", errTarget
	}
	return address, nil
}
