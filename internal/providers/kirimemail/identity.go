package kirimemail

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/lenient"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
)

const (
	opCreate = "create-credential"
	opDelete = "delete-credential"
)

// minter creates and deletes credentials. The user name, which is unique within a domain, is their label.
type minter struct{ *client }

var errDomain = errors.New("the target of an overlap is a domain like example.com, whose credentials keyturn creates and deletes")

func checkDomain(target string) (string, error) {
	domain, err := spelling.Domain(strings.TrimSpace(target))
	if err != nil || !domainForm.MatchString(domain) {
		return "", errDomain
	}
	return domain, nil
}

// carries reports whether a user name is one of an owner's; every one is where owner is "".
func carries(username, owner string) bool {
	name, _, _ := strings.Cut(username, "@")
	return owner == "" || spelling.Labelled(name, owner)
}

// Mint implements rotation.Minter.
//
// https://smtp-docs.kirim.email/openapi (POST /api/domains/{domain}/credentials)
func (m minter) Mint(ctx context.Context, domain string, label rotation.Label) (rotation.Identity, error) {
	name := spelling.Label(label)
	body, err := json.Marshal(map[string]string{"username": name})
	if err != nil {
		return rotation.Identity{}, &rotation.Error{Kind: rotation.NotSent, Provider: Provider().Code, Op: opCreate, Err: err}
	}
	request := m.request(opCreate, http.MethodPost, "api", "domains", domain, "credentials")
	request.Header.Set("Content-Type", "application/json")
	request.Body = body
	reply, err := m.http.Do(ctx, request)
	if reply == nil {
		return rotation.Identity{}, err
	}
	made, refused := m.made(reply, domain, name)
	if err != nil {
		return made, err
	}
	return made, refused
}

// made finds a credential in a reply. One that does not show its GUID, or another user name, could not be retired by it, or
// would be another's: the list has ours.
func (m minter) made(reply *httpx.Reply, domain, name string) (rotation.Identity, error) {
	answer := lenient.Read(reply.Body)
	password, sure := answer.Secret("password", "new_password")
	guid := strings.ToLower(answer.Text("user_smtp_guid"))
	echoed, _, _ := strings.Cut(answer.Text("username"), "@")
	if password.IsZero() || !guidForm.MatchString(guid) || echoed != "" && !strings.EqualFold(echoed, name) {
		return rotation.Identity{}, m.unmade(reply)
	}
	made := rotation.Identity{ID: guid, Username: name + "@" + domain, Password: password}
	made.Synced = sure && answer.Flag("remote_synced") == "true" && answer.Flag("success") != "false"
	if !succeeded(reply) {
		return made, reply.Malformed("the answer shows a password, and is no success")
	}
	return made, nil
}

// unmade classifies a reply that shows no credential.
func (m minter) unmade(reply *httpx.Reply) error {
	if reply.Status == http.StatusUnprocessableEntity {
		return reply.Classified(rotation.ErrorRow{
			Kind: rotation.Full, Hint: "the domain has no room for another credential, or its name is taken",
		}, "", "")
	}
	return m.withoutPassword(reply)
}

// Identities implements rotation.Minter.
func (m minter) Identities(ctx context.Context, domain, owner string, turn func(context.Context) error) ([]string, error) {
	var ids []string
	strange := false
	err := m.each(ctx, domain, turn, func(one credential) {
		if !carries(string(one.Username), owner) {
			return
		}
		guid := strings.ToLower(string(one.GUID))
		strange = strange || !guidForm.MatchString(guid)
		ids = append(ids, guid)
	})
	if err == nil && strange {
		err = &rotation.Error{Kind: rotation.InDoubt, Provider: Provider().Code, Op: opList, Hint: "the list has a credential without a GUID"}
	}
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Retire implements rotation.Minter.
//
// https://smtp-docs.kirim.email/openapi (DELETE /api/domains/{domain}/credentials/{credential})
func (m minter) Retire(ctx context.Context, domain, guid string) error {
	if !guidForm.MatchString(guid) {
		return &rotation.Error{Kind: rotation.Target, Provider: Provider().Code, Op: opDelete, Hint: "this is no GUID"}
	}
	reply, err := m.http.Do(ctx, m.request(opDelete, http.MethodDelete, "api", "domains", domain, "credentials", guid))
	if err != nil {
		return err
	}
	if reply.Status == http.StatusNotFound {
		return nil // it is gone
	}
	return m.parseError(reply, nil)
}
