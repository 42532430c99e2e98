package enom

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/lenient"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const (
	page = "interface.asp"

	cmdSet = "SetPassword"
	cmdGet = "GetPasswordBit"
)

// client calls eNom's interface. Only GET is documented, so the token and the password travel in the URL; nothing
// above httpx ever sees that URL.
type client struct {
	http       *httpx.Client
	url        *url.URL
	uid, token secret.Value
	table      []rotation.ErrorRow
}

// Set implements rotation.Setter. Setting the same password again is harmless.
//
// https://api.enom.com/docs/SetPassword
func (c *client) Set(ctx context.Context, target string, password secret.Value) error {
	_, err := c.do(ctx, cmdSet, target, url.Values{"DomainPassword": {password.Reveal()}})
	return err
}

// Verify implements rotation.Verifier by comparing with the password that eNom shows: one call answers every question.
// ValidatePassword would send the candidate in a URL, and most of its refusals do not say whether they are about the
// password.
//
// https://api.enom.com/docs/GetPasswordBit
func (c *client) Verify(ctx context.Context, target string, password secret.Value) (rotation.Verdict, error) {
	answer, err := c.do(ctx, cmdGet, target, url.Values{})
	if err != nil {
		return rotation.Unknown, err
	}
	shown := answer["domainpassword"]
	isSet := lenient.ParseFlag(answer["password-set"] + answer["passwordset"])
	switch {
	case shown != "" && secret.New(shown).Equal(password):
		return rotation.Works, nil
	case strings.Trim(shown, "*") != "", isSet == "false":
		return rotation.Refused, nil
	default:
		return rotation.Unknown, &rotation.Error{Kind: rotation.Unavailable, Provider: Provider().Code, Op: cmdGet, Hint: "the answer shows no password"}
	}
}

// do makes one call and returns what a success says.
func (c *client) do(ctx context.Context, command, target string, parameters url.Values) (fields, error) {
	sld, tld, err := splitTarget(target)
	if err != nil {
		return nil, &rotation.Error{Kind: rotation.Target, Provider: Provider().Code, Op: command, Err: err}
	}
	parameters.Set("SLD", sld)
	parameters.Set("TLD", tld)
	reply, err := c.http.Do(ctx, c.request(command, parameters))
	if err != nil {
		return nil, err
	}
	answer, err := parse(reply.Body)
	if err != nil {
		return nil, reply.Malformed("the answer is not one of the documented formats")
	}
	return answer, c.parseError(reply, answer)
}

func (c *client) request(command string, parameters url.Values) httpx.Request {
	parameters.Set("command", command)
	parameters.Set("uid", c.uid.Reveal())
	parameters.Set("pw", c.token.Reveal())
	parameters.Set("ResponseType", "XML")
	u := *c.url
	u.RawQuery = parameters.Encode()
	return httpx.Request{Op: command, Method: http.MethodGet, URL: &u}
}

// parseError returns nil for a success: no errors, and Done, which only says that the answer is whole.
func (c *client) parseError(reply *httpx.Reply, answer fields) error {
	count, err := strconv.Atoi(answer["errcount"])
	switch {
	case err != nil || lenient.ParseFlag(answer["done"]) != "true":
		return reply.Malformed("the answer is incomplete")
	case count == 0 && reply.Status == http.StatusOK:
		return nil
	case count == 0:
		return reply.Malformed("the answer reports success with an error status")
	}
	texts := append(answer.numbered("err"), answer.numbered("responsestring")...)
	row, number := classify(c.table, answer.numbered("responsenumber"), strings.Join(texts, "\n"), reply.Status)
	return reply.Classified(row, number, answer["trackingkey"])
}
