// Package alibabadirectmail sets the SMTP passwords of Alibaba Cloud Direct Mail domains.
package alibabadirectmail

import (
	"crypto/rand"
	"errors"
	"regexp"
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

const regionHangzhou = "cn-hangzhou"

var (
	// errTarget says what a target looks like.
	errTarget = errors.New("the target is a sender domain like example.com, 1 to 50 letters, digits, dots and hyphens")

	targetForm = regexp.MustCompile(`^[a-z0-9.-]{1,50}$`)
)

// Provider describes Alibaba Cloud Direct Mail.
func Provider() rotation.Provider {
	return rotation.Provider{
		Code: "alibaba-directmail",
		Name: "Alibaba Cloud Direct Mail",
		Call: action,
		Doc:  "https://www.alibabacloud.com/help/en/direct-mail/api-dm-2015-11-23-modifypwbydomain",
		Mode: rotation.ModeSetter,
		Keys: []string{keyID, keySecret},
		// A domain exists in one region only: the one that was chosen in the console. ap-southeast-2 is legacy.
		Regions:  []string{regionHangzhou, "ap-southeast-1", "us-east-1", "eu-central-1", "ap-southeast-2"},
		Endpoint: endpoint,
		// No page names the limit of this call; a sister call has 300 a minute.
		Rate:        rotation.Rate{Requests: 5, Per: time.Second},
		Rule:        rule(),
		Errors:      errorTable(),
		CheckTarget: checkTarget,
		// The documentation names the domain in one place and the sender address in another.
		SMTPUsername: true,
		Pairs:        true,
		SendsAs:      true,
		New:          newClient,
	}
}

// endpoint is the public one; from inside a VPC an account sets dm-vpc.REGION.aliyuncs.com itself.
func endpoint(region string) string {
	if region == "" || region == regionHangzhou {
		return "https://dm.aliyuncs.com"
	}
	return "https://dm." + region + ".aliyuncs.com"
}

func newClient(s rotation.Settings) (rotation.Client, error) {
	p := Provider()
	http, err := httpx.New(p, s, httpx.Pooled)
	if err != nil {
		return rotation.Client{}, err
	}
	c := &client{
		http:  http,
		table: p.Errors,
		key:   signature.ACS3{KeyID: s.Keys[keyID].Reveal(), Secret: s.Keys[keySecret]},
		nonce: rand.Text,
	}
	return rotation.Client{Setter: c}, nil
}

func checkTarget(target string) (string, error) {
	domain, err := spelling.Domain(target)
	if err != nil || !targetForm.MatchString(domain) {
		return "", errTarget
	}
	return domain, nil
}
