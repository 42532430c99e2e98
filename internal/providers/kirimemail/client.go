package kirimemail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/lenient"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const (
	opReset = "reset-password"
	opList  = "list-credentials"

	pageSize = 100   // the largest that the service gives
	maxPages = 10000 // a service that never ends its list must not hold us without end
)

var errShape = errors.New("a list of credentials was expected")

// client calls KIRIM.EMAIL's SMTP API. It is safe for concurrent use.
type client struct {
	http        *httpx.Client
	user, token secret.Value
	table       []rotation.ErrorRow
}

// Issue implements rotation.Issuer. A reset that arrives twice makes two passwords, of which the second is live. A
// password that the reply shows is returned whatever else is wrong with the reply: beside an error if the reply is not a
// success of this reset.
//
// https://smtp-docs.kirim.email/openapi/operations/3bb48e47b58f0aa9c096797e224cbdf3
func (c *client) Issue(ctx context.Context, target string) (rotation.Issued, error) {
	domain, guid, err := splitTarget(target)
	if err != nil {
		return rotation.Issued{}, &rotation.Error{Kind: rotation.Target, Provider: Provider().Code, Op: opReset, Err: err}
	}
	reply, err := c.http.Do(ctx, c.request(opReset, http.MethodPut, "api", "domains", domain, "credentials", guid, "reset-password"))
	if reply == nil {
		return rotation.Issued{}, err
	}
	issued, ours := shown(reply, guid)
	switch {
	case !succeeded(reply), issued.Password.IsZero():
		return issued, cmp.Or(err, c.withoutPassword(reply))
	case !ours:
		return issued, reply.Malformed("the answer is about another credential")
	}
	return issued, nil
}

// shown finds the password in a reply, however it is wrapped, and then judges the rest. Anything that is not as
// documented counts as not synced: the password is then kept, and proven or issued again before consumers see it. ours is
// false if the reply names another credential.
func shown(reply *httpx.Reply, guid string) (issued rotation.Issued, ours bool) {
	answer := lenient.Read(reply.Body)
	password, sure := answer.Secret("new_password", "password")
	synced := answer.Flag("remote_synced") == "true" && answer.Flag("success") != "false"
	echoed := answer.Text("user_smtp_guid")
	return rotation.Issued{Password: password, Synced: sure && synced}, echoed == "" || strings.EqualFold(echoed, guid)
}

// succeeded goes by the status alone.
func succeeded(reply *httpx.Reply) bool { return reply.Status >= 200 && reply.Status <= 299 }

// withoutPassword classifies a reply that does not show a whole password, or does not show it as a success.
func (c *client) withoutPassword(reply *httpx.Reply) error {
	if err := c.parseError(reply, &json.RawMessage{}); err != nil {
		return err
	}
	return reply.Malformed("the answer reports success but holds no password, or half of one")
}

// List implements rotation.Lister. A page of the list has up to a hundred credentials.
//
// https://smtp-docs.kirim.email/openapi/operations/d9ba7dafcd024c2a47790065816f4e86
func (c *client) List(ctx context.Context, domain string, turn func(context.Context) error) ([]rotation.Listed, error) {
	domain, err := spelling.Domain(domain)
	if err != nil || !domainForm.MatchString(domain) {
		return nil, &rotation.Error{Kind: rotation.Target, Provider: Provider().Code, Op: opList, Hint: "give a domain like example.com"}
	}
	var all []rotation.Listed
	err = c.each(ctx, domain, turn, func(one credential) {
		all = append(all, rotation.Listed{Target: domain + "/" + string(one.GUID), Username: one.login(domain)})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// each calls f with every credential of a domain, and turn before each page.
func (c *client) each(ctx context.Context, domain string, turn func(context.Context) error, f func(credential)) error {
	for page := 1; page <= maxPages; page++ {
		request := c.request(opList, http.MethodGet, "api", "domains", domain, "credentials")
		request.URL.RawQuery = url.Values{"limit": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)}}.Encode()
		if err := turn(ctx); err != nil {
			return err
		}
		var found credentialPage
		if err := c.do(ctx, request, &found); err != nil {
			return err
		}
		for _, one := range found {
			f(one)
		}
		if len(found) < pageSize {
			break
		}
	}
	return nil
}

// request builds a request with HTTP Basic.
//
// https://smtp-docs.kirim.email/guide
func (c *client) request(op, method string, path ...string) httpx.Request {
	signed := http.Request{Header: http.Header{}}
	signed.SetBasicAuth(c.user.Reveal(), c.token.Reveal())
	signed.Header.Set("Accept", "application/json")
	return httpx.Request{Op: op, Method: method, URL: c.http.Endpoint.JoinPath(path...), Header: signed.Header}
}

// do makes a call and decodes the data of a success into data, a pointer.
func (c *client) do(ctx context.Context, request httpx.Request, data any) error {
	reply, err := c.http.Do(ctx, request)
	if err != nil {
		return err
	}
	return c.parseError(reply, data)
}

// parseError returns nil for a success, which is a 2xx that says so, and reads its data unless that is nil. There are no error codes: the status is the code.
func (c *client) parseError(reply *httpx.Reply, data any) error {
	var head envelope
	if err := lenient.JSON(reply.Body, &head); err != nil {
		return reply.Malformed("the answer is not JSON of the documented shape")
	}
	if head.Success != "true" || !succeeded(reply) {
		return reply.Refusal(c.table, "", "")
	}
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(head.Data, data); err != nil {
		return reply.Malformed("the data of the answer are not of the documented shape")
	}
	return nil
}
