package tencentcam

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
	"keyturn/internal/sandbox/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox of this stand-in.
type bench struct{ *sandboxtest.Bench }

func start(t *testing.T) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
}

const (
	user    = "100013065917"
	first   = "AKIDStandsFromTheStart01"
	unknown = "AKIDUnknown0000000000"
)

// sign signs as a client would. That the signature itself is right is the business of signature's own tests.
func sign(r *http.Request, body, id, secret string, at time.Time) {
	signFor("cam", r, body, id, secret, at)
}

func signFor(product string, r *http.Request, body, id, secret string, at time.Time) {
	h := signature.TC3{ID: id, Date: at.UTC().Format(time.DateOnly), Service: product, Signed: []string{"content-type", "host"}}
	stamp := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set("X-TC-Timestamp", stamp)
	r.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s/%s/tc3_request, SignedHeaders=content-type;host, Signature=%s",
		id, h.Date, product, h.Sign(r, []byte(body), stamp, secret)))
}

// call makes a signed call. edit spoils it, unless that is nil.
func (b bench) call(action, body string, edit func(*http.Request)) sandboxtest.Answer {
	r := b.Request(http.MethodPost, b.Ready().Providers[Code]+"/", body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-TC-Action", action)
	r.Header.Set("X-TC-Version", version)
	sign(r, body, StandIn().Key.ID, StandIn().Key.Secret, b.Clock.Now())
	if edit != nil {
		edit(r)
	}
	return b.Do(r)
}

// of is a body about a sub-user. parameters are pairs of name and value.
func of(uin string, parameters ...string) string {
	body := `{"TargetUin":` + uin
	for i := 0; i+1 < len(parameters); i += 2 {
		body += fmt.Sprintf(",%q:%q", parameters[i], parameters[i+1])
	}
	return body + "}"
}

// answer is every field of CAM's answers.
type answer struct {
	Error      struct{ Code string }
	AccessKey  accessKey
	AccessKeys []accessKey
	RequestId  string //nolint:revive // Tencent's spelling
}

func told(t testing.TB, a sandboxtest.Answer) answer {
	t.Helper()
	var out struct{ Response answer }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status != http.StatusOK || out.Response.RequestId == "" {
		t.Fatalf("no answer of CAM: %d %q %v", a.Status, a.Body, a.Err)
	}
	return out.Response
}

func refused(t testing.TB, a sandboxtest.Answer) string { t.Helper(); return told(t, a).Error.Code }

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	const another = "100013065918" // because a sub-user has room for one key more
	two := StandIn()
	two.Targets = append(two.Targets, core.Target{Target: another + "/" + first})
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: two, Place: user,
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			if password != "NEwpass12345" {
				return bench{b}.call(opCreate, of(another), nil)
			}
			return bench{b}.call(opCreate, of(user), nil)
		},
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "RequestLimitExceeded", core.ServerError: "FailedOperation.Accesskey", core.Unavailable: "InternalError",
			core.Repeat: "FailedOperation.Accesskey", core.Reject: "FailedOperation.Accesskey", core.Unauthorized: "AuthFailure.UnauthorizedOperation",
			core.NotFound: "InvalidParameter.UserNotExist",
		},
	})
}

func TestASubUserHasTwoKeys(t *testing.T) {
	t.Parallel()
	b := start(t)
	one := told(t, b.call(opCreate, of(user), nil)).AccessKey
	if one.Status != accesskey.Active || one.SecretAccessKey == "" || b.Target(Code, user+"/"+one.AccessKeyId).Live != one.SecretAccessKey {
		t.Errorf("made %+v", one)
	}
	if code := refused(t, b.call(opCreate, of(user), nil)); code != "OperationDenied.AccessKeyOverLimit" {
		t.Errorf("a third: %s", code)
	}
	list := b.call(opList, of(user), nil)
	if listed := told(t, list).AccessKeys; len(listed) != 2 || listed[1].AccessKeyId != one.AccessKeyId || strings.Contains(list.Body, one.SecretAccessKey) {
		t.Errorf("lists %s", list.Body)
	}
	for _, id := range []string{first, one.AccessKeyId} {
		if code := refused(t, b.call(opDelete, of(user, "AccessKeyId", id), nil)); code != "Sandbox.KeyIsActive" {
			t.Errorf("an active key: %s", code)
		}
		if code := refused(t, b.call(opUpdate, of(user, "AccessKeyId", id, "Status", "Inactive"), nil)); code != "" {
			t.Errorf("disabled: %s", code)
		}
		if code := refused(t, b.call(opDelete, of(user, "AccessKeyId", id), nil)); code != "" {
			t.Errorf("an inactive key: %s", code)
		}
	}
	if a := b.call(opList, of(user), nil); refused(t, a) != "" || !strings.Contains(a.Body, `"AccessKeys":[]`) {
		t.Errorf("a sub-user without keys: %s", a.Body)
	}
}

func TestRefusesWithItsOwnCodes(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, test := range map[string]struct {
		action, body string
		edit         func(*http.Request)
		want         string
	}{
		"an unknown sub-user": {opCreate, of("100099999999"), nil, "InvalidParameter.UserNotExist"},
		"its list":            {opList, of("100099999999"), nil, "InvalidParameter.UserNotExist"},
		"no sub-user":         {opCreate, "{}", nil, "MissingParameter"},
		"a text":              {opCreate, `{"TargetUin":"100013065917"}`, nil, "InvalidParameter"},
		"no JSON":             {opCreate, "TargetUin=1", nil, "InvalidParameter"},
		"another field":       {opCreate, of(user, "Name", "x"), nil, "UnknownParameter"},
		"a field of another":  {opCreate, of(user, "AccessKeyId", first), nil, "UnknownParameter"},
		"an unknown key":      {opDelete, of(user, "AccessKeyId", unknown), nil, "ResourceNotFound.SecretNotExist"},
		"its status":          {opUpdate, of(user, "AccessKeyId", unknown, "Status", "Inactive"), nil, "ResourceNotFound.SecretNotExist"},
		"no key":              {opDelete, of(user), nil, "MissingParameter"},
		"no status":           {opUpdate, of(user, "AccessKeyId", first), nil, "MissingParameter"},
		"another status":      {opUpdate, of(user, "AccessKeyId", first, "Status", "Off"), nil, "InvalidParameter.ParamError"},
		"another action":      {"DeleteUser", of(user), nil, "InvalidAction"},
		"another version":     {opList, of(user), func(r *http.Request) { r.Header.Set("X-TC-Version", "2017-03-12") }, "NoSuchVersion"},
		"another content type": {opList, of(user), func(r *http.Request) {
			r.Header.Set("Content-Type", "text/plain")
			sign(r, of(user), StandIn().Key.ID, StandIn().Key.Secret, b.Clock.Now())
		}, "InvalidParameter"},
		"no action":      {opList, of(user), func(r *http.Request) { r.Header.Del("X-TC-Action") }, "MissingParameter"},
		"no signature":   {opList, of(user), func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }, "AuthFailure.InvalidAuthorization"},
		"another caller": {opList, of(user), func(r *http.Request) { sign(r, of(user), "AKIDOther", "testsecret", b.Clock.Now()) }, "AuthFailure.SecretIdNotFound"},
		"another secret": {opList, of(user), func(r *http.Request) { sign(r, of(user), StandIn().Key.ID, "x", b.Clock.Now()) }, "AuthFailure.SignatureFailure"},
		"an old date": {opList, of(user), func(r *http.Request) {
			sign(r, of(user), StandIn().Key.ID, "testsecret", b.Clock.Now().Add(-6*time.Minute))
		}, "AuthFailure.SignatureExpire"},
	} {
		if code := refused(t, b.call(test.action, test.body, test.edit)); code != test.want {
			t.Errorf("%s: %q, want %q", name, code, test.want)
		}
	}
	if a := b.Do(b.Request(http.MethodGet, b.Ready().Providers[Code]+"/", "")); refused(t, a) != "UnsupportedProtocol" {
		t.Errorf("GET: %s", a.Body)
	}
}

func TestATargetIsAKeyOfASubUser(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{user, user + "/", "/" + first, "alice/" + first, user + "/short", "0" + user + "/" + first} {
		if _, err := start(t).AddTargets(Code, core.Target{Target: bad}); err == nil {
			t.Errorf("%q is a target", bad)
		}
	}
}
