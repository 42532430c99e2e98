// Package awsses is the stand-in of Amazon SES's SMTP credentials, which are access keys of IAM users.
package awsses

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/signature"
)

// Code names the provider.
const Code = "aws-ses"

const (
	version = "2010-05-08"
	// maxKeys is how many a user may have.
	maxKeys = 2
	// iamRegion is what every request to IAM is signed for.
	iamRegion = "us-east-1"
	// option names the region whose SMTP server the sandbox plays.
	option = "region"
)

// regions are those that the page on SMTP credentials lists, the default first.
var regions = []string{
	"us-east-1", "us-east-2", "us-west-2", "ap-south-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1",
	"ca-central-1", "eu-central-1", "eu-west-1", "eu-west-2", "sa-east-1",
}

// StandIn describes the stand-in, whose limit is a guess: no page names the real one. Its targets are keys, as USER/ID.
func StandIn() core.StandIn {
	return core.StandIn{
		Code: Code, Key: core.Key{ID: "AKIAI44QH8DHBEXAMPLE", Secret: "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"},
		Rate: core.Rate{Requests: 5, Per: time.Second}, Ports: core.Ports{API: 27, SMTP: 28},
		Targets: []core.Target{{Target: "ses-smtp-user/AKIAIOSFODNN7EXAMPLE"}}, Unknown: "another-user/AKIAIOSFODNN7EXAMPLE",
		Username: "akiaiosfodnn7example", // the sandbox knows user names in lower case
		Check:    checkTarget, Names: names,
		Options: []string{option}, Open: open,
	}
}

var (
	userShape = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	idShape   = regexp.MustCompile(`^\w{16,128}$`)
)

// checkTarget wants USER/ID.
func checkTarget(t core.Target) (core.Target, error) {
	user, id, ok := strings.Cut(t.Target, "/")
	if !ok || !userShape.MatchString(user) || !idShape.MatchString(id) {
		return t, fmt.Errorf("target %q is not USER/ACCESS-KEY-ID", t.Target)
	}
	return t, nil
}

// names are the SMTP user names of a key: its id.
func names(r core.Record) []string {
	_, id, _ := strings.Cut(r.Target, "/")
	return []string{strings.ToLower(id)}
}

// service is the API of IAM, and the SMTP server of one region.
type service struct {
	*core.Service
	region string

	mu    sync.Mutex
	users map[string]bool // that were ever seen with a key
}

func open(s *core.Service, o core.Options) (core.Opener, error) {
	region, err := o.OneOf(option, regions...)
	a := &service{Service: s, region: region, users: map[string]bool{}}
	return a.open, err
}

func (a *service) open(r *http.Request, body []byte) (*core.Call, *core.Reply) {
	refused := func(why core.Reason, o core.Outcome) (*core.Call, *core.Reply) {
		rep := failure(why, o)
		return nil, &rep
	}
	id, code := signature.VerifySigV4(r, body, iamRegion, "iam", a.Now(), a.Secret)
	if code != "" {
		why := core.Because(http.StatusForbidden, code, "The request was not authenticated.")
		if code == signature.SigV4Expired || code == signature.SigV4Incomplete {
			why.Status = http.StatusBadRequest
		}
		return refused(why, core.OutUnauthorized)
	}
	in, err := url.ParseQuery(string(body))
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/" || in.Get("Version") != version {
		return refused(badAction, core.OutMalformed)
	}
	user := in.Get("UserName")
	if !userShape.MatchString(user) {
		return refused(reasons[core.OutMalformed], core.OutMalformed)
	}
	c := &core.Call{Op: in.Get("Action"), Target: user, Account: a.Account(id), Refuse: func(why core.Refusal) core.Reply {
		return failure(why.In(reasons), why.Outcome)
	}}
	do := func(time.Duration) core.Reply { return failure(badAction, core.OutMalformed) }
	switch c.Op {
	case "CreateAccessKey":
		c.Changes, do = true, func(lag time.Duration) core.Reply { return a.create(user, lag) }
	case "ListAccessKeys":
		do = func(time.Duration) core.Reply { return a.list(user) }
	case "DeleteAccessKey":
		c.Changes, c.Also = true, []string{user + "/" + in.Get("AccessKeyId")}
		do = func(time.Duration) core.Reply { return a.delete(user, in.Get("AccessKeyId")) }
	}
	c.Do = func(lag time.Duration) core.Reply {
		if !a.knows(user) {
			return failure(reasons[core.OutUnknown], core.OutUnknown)
		}
		return do(lag)
	}
	return c, nil
}

// knows tells whether a user exists: one that had a key once does.
func (a *service) knows(user string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.Ledger.List(user+"/")) > 0 {
		a.users[user] = true
	}
	return a.users[user]
}

func (a *service) create(user string, lag time.Duration) core.Reply {
	if len(a.Ledger.List(user+"/")) >= maxKeys {
		return failure(full, core.OutRejected)
	}
	id, random := "AKIA"+rand.Text()[:16], make([]byte, 30)
	_, _ = rand.Read(random) // never fails
	secret := base64.StdEncoding.EncodeToString(random)
	added, err := a.Ledger.Add(core.Target{Target: user + "/" + id})
	if err == nil {
		_, result := a.Ledger.Set(user+"/"+id, smtpPassword(secret, a.region), lag)
		if result == core.OutAccepted {
			return created(asKey(user, id, secret, added[0].CreatedAt))
		}
	}
	return failure(reasons[core.OutFailed], core.OutFailed)
}

// smtpPassword is what an access key's secret makes of itself at the SMTP server of a region.
//
// https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html
func smtpPassword(secret, region string) string {
	signed := signature.SigV4Text(signature.SigV4Key(secret, "11111111", region, "ses"), "SendRawEmail")
	return base64.StdEncoding.EncodeToString(slices.Concat([]byte{4}, signed))
}

func (a *service) list(user string) core.Reply {
	var keys []accessKey
	for _, r := range a.Ledger.List(user + "/") {
		keys = append(keys, asKey(user, strings.TrimPrefix(r.Target, user+"/"), "", r.CreatedAt))
	}
	return listed(user, keys)
}

func (a *service) delete(user, id string) core.Reply {
	if _, known := a.Ledger.Get(user + "/" + id); !known {
		return failure(noKey, core.OutUnknown)
	}
	if err := a.Ledger.Remove(user + "/" + id); err != nil {
		return failure(reasons[core.OutFailed], core.OutFailed)
	}
	return deleted()
}
