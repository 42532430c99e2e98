// Package mailgun is the stand-in of Mailgun.
package mailgun

import (
	"bytes"
	"crypto/rand"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/rule"
)

// Code names the provider.
const Code = "mailgun"

// op is the only call that the sandbox knows.
// https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/credentials/put-v3-domains--domain-name--credentials--spec-
const op = "update-credentials"

// StandIn describes the stand-in, whose limit is a guess: no page names the real one.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: "api", Secret: "test-key"}, Rate: core.Rate{Requests: 5, Per: time.Second}, TellsWait: true,
		Ports:   core.Ports{API: 12, SMTP: 13},
		Targets: []core.Target{{Target: "alerts@example.com"}}, Unknown: "unknown@example.com", Username: "alerts@example.com",
		Check: core.CheckAddress, Names: core.OwnName,
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) { return service{s}.open, nil },
	}
}

// service is the API.
type service struct{ *core.Service }

func (m service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	user, key, _ := r.BasicAuth()
	account := m.LogIn(user, key)
	if account == nil {
		rep := failure(reasons[core.OutUnauthorized], core.OutUnauthorized)
		return nil, &rep
	}
	domain, login, ok := takeApart(r.URL.Path)
	if !ok || r.Method != http.MethodPut {
		return nil, &noEndpoint
	}
	if !strings.Contains(login, "@") {
		login += "@" + domain
	}
	c := &core.Call{Op: op, Target: strings.ToLower(login), Changes: true, Account: account, Refuse: m.refuse}
	c.Do = func(lag time.Duration) core.Reply { return m.set(domain, c.Target, r, body, lag) }
	return c, nil
}

// takeApart takes /v3/domains/{domain}/credentials/{login} apart.
func takeApart(path string) (domain, login string, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "v3" || parts[2] != "domains" || parts[4] != "credentials" || parts[5] == "" {
		return "", "", false
	}
	return strings.ToLower(parts[3]), parts[5], true
}

func (m service) set(domain, login string, r *http.Request, body []byte, lag time.Duration) core.Reply {
	refuse := func(o core.Outcome) core.Reply { return failure(reasons[o], o) }
	if _, known := m.Ledger.Get(login); !known || !strings.HasSuffix(login, "@"+domain) {
		return refuse(core.OutUnknown)
	}
	password, given, ok := read(r, body)
	switch {
	case !ok:
		return refuse(core.OutMalformed)
	case given && !rule.Printable(password, 5, 32):
		return refuse(core.OutRejected)
	case !given:
		password = rand.Text()
	}
	if _, result := m.Ledger.Set(login, password, lag); result != core.OutAccepted {
		return refuse(result)
	}
	answer := map[string]any{"message": "Password changed"}
	if !given {
		answer["note"] = "Store this password: it is not shown again"
		answer["credentials"] = map[string]string{login: password}
	}
	return core.JSONReply(http.StatusOK, answer, core.OutAccepted)
}

// read finds the password in multipart/form-data.
func read(r *http.Request, body []byte) (password string, given, ok bool) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return "", false, false
	}
	form, err := multipart.NewReader(bytes.NewReader(body), parameters["boundary"]).ReadForm(1 << 20)
	if err != nil {
		return "", false, false
	}
	values := form.Value["password"]
	if len(values) == 0 {
		return "", false, true
	}
	return values[0], true, len(values) == 1
}
