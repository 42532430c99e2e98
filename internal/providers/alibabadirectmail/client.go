package alibabadirectmail

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/signature"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const (
	action  = "ModifyPWByDomain"
	version = "2015-11-23"
)

// client calls Alibaba Cloud's RPC-style API.
type client struct {
	http  *httpx.Client
	key   signature.ACS3
	nonce func() string // a new one for each request
	table []rotation.ErrorRow
}

// Set implements rotation.Setter. The same password again is refused as a repeat.
//
// https://www.alibabacloud.com/help/en/direct-mail/api-dm-2015-11-23-modifypwbydomain
func (c *client) Set(ctx context.Context, target string, password secret.Value) error {
	reply, err := c.http.Do(ctx, c.request(action, url.Values{
		"DomainName": {target},
		"Password":   {password.Reveal()},
	}))
	if err != nil {
		return err
	}
	return c.parseError(reply)
}

// request builds a signed request. The parameters travel in the body: a URL ends up in logs along the way.
//
// https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
func (c *client) request(action string, parameters url.Values) httpx.Request {
	r := httpx.Request{
		Op:     action,
		Method: http.MethodPost,
		URL:    c.http.Endpoint.JoinPath("/"),
		Header: http.Header{},
		Body:   []byte(parameters.Encode()),
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Acs-Action", action)
	r.Header.Set("X-Acs-Version", version)
	c.key.Sign(r.Method, r.URL, r.Header, r.Body, c.http.SignTime(), c.nonce())
	return r
}

// parseError returns nil for a success: HTTP 200 with Success true, or without Success but with the code OK.
func (c *client) parseError(reply *httpx.Reply) error {
	answer, err := decode(reply.Body)
	if err != nil {
		return reply.Malformed("the answer is neither JSON nor XML of the documented shape")
	}
	saysOK := answer.Code == "OK" || answer.Code == "" && answer.Success == "true"
	switch {
	case reply.Status == http.StatusOK && saysOK && answer.Success != "false":
		return nil
	case answer.Code == "":
		return reply.Malformed("the answer has neither a success nor an error code")
	}
	failure := reply.Refusal(c.table, answer.Code, string(answer.RequestID))
	if failure.Kind == rotation.RateLimited && failure.RetryAfter == 0 {
		failure.RetryAfter = timeLeft(reply.Header)
	}
	return failure
}

var timeLeftForm = regexp.MustCompile(`(?:^|,)\s*TimeLeft:(\d{1,7})`)

// timeLeft reads what the throttling headers say, "…,TimeLeft:1500,…": like the official SDKs it takes the longer one,
// in milliseconds. It waits a second at least, because no page confirms the unit.
func timeLeft(header http.Header) (longest time.Duration) {
	for _, name := range []string{"X-Ratelimit-User-Api", "X-Ratelimit-User"} {
		if found := timeLeftForm.FindStringSubmatch(header.Get(name)); found != nil {
			milliseconds, _ := strconv.Atoi(found[1]) // seven digits always fit
			longest = max(longest, time.Duration(milliseconds)*time.Millisecond, time.Second)
		}
	}
	return longest
}
