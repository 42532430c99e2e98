package tencentses

import (
	"context"
	"encoding/json"
	"net/http"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/lenient"
	"keyturn/internal/providers/signature"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const (
	action  = "UpdateEmailSmtpPassWord"
	version = "2020-10-02"
)

// client calls Tencent Cloud's API 3.0.
type client struct {
	http   *httpx.Client
	region string
	key    signature.TC3
	table  []rotation.ErrorRow
}

// Set implements rotation.Setter. The same password again is refused as a repeat.
//
// https://www.tencentcloud.com/document/api/1084/52677
func (c *client) Set(ctx context.Context, target string, password secret.Value) error {
	return c.do(ctx, action, setPasswordRequest{Password: password.Reveal(), EmailAddress: target})
}

func (c *client) do(ctx context.Context, action string, parameters setPasswordRequest) error {
	reply, err := c.http.Do(ctx, c.request(action, parameters))
	if err != nil {
		return err
	}
	return c.parseError(reply)
}

// request builds a signed request.
//
// https://www.tencentcloud.com/document/product/1084/39391
func (c *client) request(action string, parameters setPasswordRequest) httpx.Request {
	body, _ := json.Marshal(parameters) // strings always marshal
	r := httpx.Request{
		Op:     action,
		Method: http.MethodPost,
		URL:    c.http.Endpoint.JoinPath("/"),
		Header: http.Header{},
		Body:   body,
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-TC-Action", action)
	r.Header.Set("X-TC-Version", version)
	r.Header.Set("X-TC-Region", c.region)
	r.Header.Set("X-TC-Language", "en-US")
	c.key.Sign(r.Method, r.URL, r.Header, body, c.http.SignTime())
	return r
}

// parseError returns nil for a success, which is HTTP 200 with a request id and no error in the envelope.
func (c *client) parseError(reply *httpx.Reply) error {
	var answer response
	if err := lenient.JSON(reply.Body, &answer); err != nil {
		return reply.Malformed("the answer is not JSON")
	}
	outcome := answer.Response
	switch {
	case outcome.Error != nil:
		return reply.Refusal(c.table, outcome.Error.Code, string(outcome.RequestID))
	case reply.Status != http.StatusOK:
		return reply.Refusal(c.table, "", string(outcome.RequestID))
	case outcome.RequestID == "":
		return reply.Malformed("the answer has neither a request id nor an error")
	}
	return nil
}
