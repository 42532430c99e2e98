// Package hubspot is the stand-in of HubSpot's SMTP API tokens.
package hubspot

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"keyturn/internal/sandbox/core"
)

// Code names the provider.
const Code = "hubspot"

// op is the only call that the sandbox knows.
// https://developers.hubspot.com/docs/api-reference/marketing-transactional-single-send-v3/public-smtp-tokens/post-marketing-v3-transactional-smtp-tokens-tokenId-password-reset
const (
	op     = "password-reset"
	prefix = "/marketing/v3/transactional/smtp-tokens/"
)

// keyID is what the sandbox calls the access token of the app, which has no name in a request.
const keyID = "app"

// StandIn describes the stand-in, whose limit is that of an app of the smallest subscription.
func StandIn() core.StandIn {
	const token = "aezckvh3hx@62515.smtp.hubspot.net"
	return core.StandIn{
		Code: Code, Key: core.Key{ID: keyID, Secret: "pat-test-token"}, Rate: core.Rate{Requests: 10, Per: time.Second},
		Ports:   core.Ports{API: 30, SMTP: 31},
		Targets: []core.Target{{Target: token}}, Unknown: "unknown@62515.smtp.hubspot.net", Username: token,
		Check: checkTarget, Names: func(r core.Record) []string { return []string{strings.ToLower(r.Target)} },
		Open: func(s *core.Service, _ core.Options) (core.Opener, error) { return service{s}.open, nil },
	}
}

var idShape = regexp.MustCompile(`^[A-Za-z0-9._@+-]{1,128}$`)

// checkTarget wants the id of a token, which is its user name.
func checkTarget(t core.Target) (core.Target, error) {
	if !idShape.MatchString(t.Target) {
		return t, fmt.Errorf("target %q is not the id of an SMTP API token", t.Target)
	}
	return t, nil
}

// service is the API.
type service struct{ *core.Service }

func (s service) open(r *http.Request, _ []byte) (*core.Call, *core.Reply) {
	refused := func(why core.Reason, o core.Outcome) (*core.Call, *core.Reply) {
		rep := failure(why, o)
		return nil, &rep
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	account := s.LogIn(keyID, token)
	if account == nil {
		return refused(reasons[core.OutUnauthorized], core.OutUnauthorized)
	}
	id, ok := strings.CutPrefix(r.URL.Path, prefix)
	id, reset := strings.CutSuffix(id, "/"+op)
	switch {
	case !ok || !reset || !idShape.MatchString(id):
		return refused(core.Because(http.StatusNotFound, "", "resource not found"), core.OutMalformed)
	case r.Method != http.MethodPost:
		return refused(core.Because(http.StatusMethodNotAllowed, "", "the method is not allowed"), core.OutMalformed)
	}
	return &core.Call{
		Op: op, Target: id, Changes: true, Account: account, Refuse: refuse,
		Do: func(lag time.Duration) core.Reply { return s.reset(id, lag) },
	}, nil
}

// reset makes another password, which is shown once. The one before is worthless.
func (s service) reset(id string, lag time.Duration) core.Reply {
	password := rand.Text()
	r, result := s.Ledger.Set(id, password, lag)
	if result != core.OutAccepted {
		return failure(reasons[result], result)
	}
	return core.JSONReply(http.StatusOK, map[string]any{
		"id": id, "password": password, "createdBy": "demo@example.com", "createdAt": r.CreatedAt.UTC().Format(time.RFC3339),
		"createContact": false, "emailCampaignId": "14860979", "campaignName": "keyturn",
	}, core.OutAccepted)
}
