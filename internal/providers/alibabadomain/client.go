package alibabadomain

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/signature"
	"keyturn/internal/rotation"
)

const (
	action = "SubmitEmailVerification"

	versionInternational = "2017-12-18"
	versionChina         = "2018-01-29"

	// codeQuota says that an address has had its mails for today.
	codeQuota = "SendTokenQuotaExceeded"
)

// client calls Alibaba Cloud's RPC-style API.
type client struct {
	http    *httpx.Client
	version string
	key     signature.ACS3
	nonce   func() string // a new one for each request
	table   []rotation.ErrorRow
}

// VerifyContacts implements rotation.ContactVerifier. An address that was mailed before is returned as verified and
// gets no second mail, so that the call may be repeated.
//
// https://www.alibabacloud.com/help/en/dws/developer-reference/api-submitemailverification
func (c *client) VerifyContacts(ctx context.Context, addresses []string) ([]rotation.ContactResult, error) {
	list, err := emailList(addresses)
	if err != nil {
		return nil, &rotation.Error{Kind: rotation.Target, Provider: Provider().Code, Op: action, Err: err}
	}
	reply, err := c.http.Do(ctx, c.request(url.Values{
		"Email":       {list},
		"SendIfExist": {"false"},
		"Lang":        {"en"},
	}))
	if err != nil {
		return nil, err
	}
	answer, err := c.parse(reply)
	if err != nil {
		return nil, err
	}
	return results(answer, addresses), nil
}

// emailList is the parameter of the call: every address once.
func emailList(addresses []string) (string, error) {
	if len(addresses) == 0 {
		return "", errTarget
	}
	list := make([]string, len(addresses))
	for i, address := range addresses {
		var err error
		if list[i], err = checkTarget(address); err != nil {
			return "", err
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ","), nil
}

// request builds a signed request with its parameters in the body.
//
// https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
func (c *client) request(parameters url.Values) httpx.Request {
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
	r.Header.Set("X-Acs-Version", c.version)
	c.key.Sign(r.Method, r.URL, r.Header, r.Body, c.http.SignTime(), c.nonce())
	return r
}

// parse returns the lists of a success: HTTP 200 without a code, and at least one address named. Some of the
// addresses may have failed.
func (c *client) parse(reply *httpx.Reply) (response, error) {
	answer, err := decode(reply.Body)
	switch {
	case err != nil:
		return response{}, reply.Malformed("the answer is neither JSON nor XML of the documented shape")
	case answer.Code != "":
		return response{}, reply.Refusal(c.table, answer.Code, string(answer.RequestID))
	case reply.Status != http.StatusOK, answer.empty():
		return response{}, reply.Malformed("the answer has neither results nor an error code")
	}
	return answer, nil
}

// results lists one result per address that the answer names, in the spelling that was asked.
func results(answer response, asked []string) []rotation.ContactResult {
	var all []rotation.ContactResult
	add := func(l list, state rotation.ContactState) {
		for _, r := range l.SendResult {
			result := rotation.ContactResult{Address: asAsked(r.Email, asked), State: state}
			if failed := r.Code != "" && r.Code != "Success"; state == rotation.ContactFailed || failed && state == rotation.ContactSent {
				result.State = rotation.ContactFailed
				result.Code = httpx.Printable(r.Code)
				result.NotToday = r.Code == codeQuota
			}
			all = append(all, result)
		}
	}
	add(answer.SuccessList, rotation.ContactSent)
	add(answer.ExistList, rotation.ContactVerified)
	add(answer.FailList, rotation.ContactFailed)
	return all
}

// asAsked returns an address of an answer in the spelling that was asked.
func asAsked(email string, asked []string) string {
	same := canonical(email)
	for _, address := range asked {
		if strings.EqualFold(canonical(address), same) {
			return address
		}
	}
	return email
}

func canonical(address string) string {
	if one, err := checkTarget(address); err == nil {
		return one
	}
	return strings.TrimSpace(address)
}
