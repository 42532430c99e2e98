package kirimemail

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"keyturn/internal/httpx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const (
	opReset = "reset-password"
	opList  = "list-credentials"

	pageSize = 100   // the largest that the service gives
	maxPages = 10000 // a service that pages for ever must not hold us for ever
)

var errShape = errors.New("a list of credentials was expected")

// Client calls KIRIM.EMAIL's SMTP API. It is safe for concurrent use.
type Client struct {
	http        *httpx.Client
	user, token secret.Value
	table       []rotation.ErrorRow
}

// Issue implements rotation.Issuer. A reset that arrives twice makes two passwords, of which the second is live.
//
// https://smtp-docs.kirim.email/openapi/operations/3bb48e47b58f0aa9c096797e224cbdf3
func (c *Client) Issue(ctx context.Context, target string) (rotation.Issued, error) {
	domain, guid, err := splitTarget(target)
	if err != nil {
		return rotation.Issued{}, &rotation.Error{Kind: rotation.Target, Provider: Provider().Code, Op: opReset, Err: err}
	}
	var result resetResult
	request := c.request(opReset, http.MethodPut, "api", "domains", domain, "credentials", guid, "reset-password")
	reply, err := c.do(ctx, request, &result)
	switch {
	case err != nil:
		return rotation.Issued{}, err
	case result.NewPassword == "":
		return rotation.Issued{}, reply.Malformed("the answer says success but holds no password")
	case result.Credential.GUID != "" && !strings.EqualFold(result.Credential.GUID, guid):
		return rotation.Issued{}, reply.Malformed("the answer is about another credential")
	}
	return rotation.Issued{
		Password: secret.New(result.NewPassword),
		Synced:   result.RemoteSynced,
	}, nil
}

// Credentials lists the SMTP credentials of a domain, for import. It makes one call for every hundred of them, and waits
// for its turn before each; an error of turn ends it.
//
// https://smtp-docs.kirim.email/openapi/operations/d9ba7dafcd024c2a47790065816f4e86
func (c *Client) Credentials(ctx context.Context, domain string, turn func(context.Context) error) ([]Credential, error) {
	domain = strings.ToLower(strings.TrimSpace(domain))
	if !domainForm.MatchString(domain) {
		return nil, &rotation.Error{Kind: rotation.Target, Provider: Provider().Code, Op: opList, Hint: "give a domain like example.com"}
	}
	var all []Credential
	for page := 1; page <= maxPages; page++ {
		request := c.request(opList, http.MethodGet, "api", "domains", domain, "credentials")
		request.URL.RawQuery = url.Values{"limit": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)}}.Encode()
		if err := turn(ctx); err != nil {
			return nil, err
		}
		var found credentialPage
		if _, err := c.do(ctx, request, &found); err != nil {
			return nil, err
		}
		all = append(all, found...)
		if len(found) < pageSize {
			break
		}
	}
	return all, nil
}

// request builds a request with HTTP Basic.
//
// https://smtp-docs.kirim.email/guide
func (c *Client) request(op, method string, path ...string) httpx.Request {
	signed := http.Request{Header: http.Header{}}
	signed.SetBasicAuth(c.user.Reveal(), c.token.Reveal())
	signed.Header.Set("Accept", "application/json")
	return httpx.Request{Op: op, Method: method, URL: c.http.Endpoint.JoinPath(path...), Header: signed.Header}
}

// do makes a call and decodes the data of a success into data, a pointer.
func (c *Client) do(ctx context.Context, request httpx.Request, data any) (*httpx.Reply, error) {
	reply, err := c.http.Do(ctx, request)
	if err != nil {
		return nil, err
	}
	return reply, c.parseError(reply, data)
}

// parseError returns nil for a success, which is a 2xx that says so. There are no error codes: the status is the code.
func (c *Client) parseError(reply *httpx.Reply, data any) error {
	var head envelope
	if err := json.Unmarshal(reply.Body, &head); err != nil {
		return reply.Malformed("the answer is not JSON of the documented shape")
	}
	if !head.Success || reply.Status < 200 || reply.Status > 299 {
		return reply.Refusal(c.table, "", "")
	}
	if err := json.Unmarshal(head.Data, data); err != nil {
		return reply.Malformed("the data of the answer are not of the documented shape")
	}
	return nil
}
