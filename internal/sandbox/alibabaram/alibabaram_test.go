package alibabaram

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/accesskey"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox of this stand-in.
type bench struct{ *sandboxtest.Bench }

func start(t *testing.T) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
}

const (
	user  = "app-uploads"
	first = "LTAI5tStandsFromTheStart"
)

// signed is a call about a user before it is signed. parameters are pairs of name and value.
func signed(action string, parameters ...string) sandboxtest.ACS3 {
	key := StandIn().Key
	a := sandboxtest.ACS3{
		Code: Code, Action: action, Version: version, Accept: "application/json", ID: key.ID, Secret: key.Secret,
		Query: url.Values{"UserName": {user}},
	}
	for i := 0; i+1 < len(parameters); i += 2 {
		a.Query.Set(parameters[i], parameters[i+1])
	}
	return a
}

// made is what CreateAccessKey shows.
type made struct{ AccessKeyID, AccessKeySecret, Status, CreateDate string }

func (b bench) create(t *testing.T) made {
	t.Helper()
	var out struct{ AccessKey made }
	if a := b.ACS3(signed(opCreate)); a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &out) != nil {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return out.AccessKey
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	const another = "another-user" // because a user has room for one key more
	two := StandIn()
	two.Targets = append(two.Targets, core.Target{Target: another + "/LTAI5tStandsFromTheStar2"})
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: two, Place: user,
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			if password != "NEwpass12345" {
				return b.ACS3(signed(opCreate, "UserName", another))
			}
			return b.ACS3(signed(opCreate))
		},
		Refused: sandboxtest.ACS3Code,
		Codes: map[core.Kind]string{
			core.RateLimit: "Throttling.User", core.ServerError: "InternalError", core.Unavailable: "ServiceUnavailable", core.Repeat: "InternalError",
			core.Reject: "InternalError", core.Unauthorized: "NoPermission", core.NotFound: "EntityNotExist.User",
		},
	})
}

func TestAUserHasTwoKeys(t *testing.T) {
	t.Parallel()
	b := start(t)
	one := b.create(t)
	if one.Status != accesskey.Active || one.AccessKeySecret == "" || b.Target(Code, user+"/"+one.AccessKeyID).Live != one.AccessKeySecret {
		t.Errorf("made %+v", one)
	}
	if a := b.ACS3(signed(opCreate)); a.Status != http.StatusConflict || sandboxtest.ACS3Code(t, a) != "LimitExceeded.User.AccessKey" {
		t.Errorf("a third: %d %s", a.Status, a.Body)
	}
	a := b.ACS3(signed(opList))
	if strings.Count(a.Body, `"AccessKeyId"`) != 2 || !strings.Contains(a.Body, one.AccessKeyID) || strings.Contains(a.Body, one.AccessKeySecret) {
		t.Errorf("lists %s", a.Body)
	}
	for _, id := range []string{first, one.AccessKeyID} {
		if a := b.ACS3(signed(opDelete, "UserAccessKeyId", id)); sandboxtest.ACS3Code(t, a) != "Sandbox.KeyIsActive" {
			t.Errorf("an active key: %d %s", a.Status, a.Body)
		}
		for _, a := range []sandboxtest.Answer{b.ACS3(signed(opUpdate, "UserAccessKeyId", id, "Status", "Inactive")), b.ACS3(signed(opDelete, "UserAccessKeyId", id))} {
			if a.Status != http.StatusOK || sandboxtest.ACS3Code(t, a) != "" {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		}
	}
	if a := b.ACS3(signed(opList)); a.Status != http.StatusOK || !strings.Contains(a.Body, `"AccessKey":[]`) {
		t.Errorf("a user without keys: %d %s", a.Status, a.Body)
	}
}

func TestRefusesAsDocumented(t *testing.T) {
	t.Parallel()
	b := start(t)
	late := signed(opList)
	late.Behind = 16 * time.Minute
	stranger, forger := signed(opList), signed(opList)
	stranger.ID, forger.Secret = "LTAI5tUnknown", "another"
	old := signed(opList)
	old.Version = "2019-08-15"
	for name, test := range map[string]struct {
		call   sandboxtest.ACS3
		status int
		code   string
	}{
		"an unknown user":     {signed(opCreate, "UserName", "no-such-user"), 404, "EntityNotExist.User"},
		"its list":            {signed(opList, "UserName", "no-such-user"), 404, "EntityNotExist.User"},
		"no user":             {signed(opCreate, "UserName", ""), 400, "MissingUserName"},
		"an odd user":         {signed(opCreate, "UserName", "a b"), 400, "InvalidParameter.UserName.InvalidChars"},
		"a long user":         {signed(opCreate, "UserName", strings.Repeat("a", 65)), 400, "InvalidParameter.UserName.Length"},
		"an unknown key":      {signed(opDelete, "UserAccessKeyId", "LTAI5tUnknown"), 404, "EntityNotExist.User.AccessKey"},
		"its status":          {signed(opUpdate, "UserAccessKeyId", "LTAI5tUnknown", "Status", "Inactive"), 404, "EntityNotExist.User.AccessKey"},
		"no key":              {signed(opDelete), 400, "MissingUserAccessKeyId"},
		"no status":           {signed(opUpdate, "UserAccessKeyId", first), 400, "MissingStatus"},
		"another action":      {signed("DeleteUser"), 404, "InvalidAction.NotFound"},
		"another version":     {old, 400, "InvalidVersion"},
		"a caller's clock":    {late, 400, "InvalidTimeStamp.Expired"},
		"an unknown caller":   {stranger, 404, "InvalidAccessKeyId.NotFound"},
		"a caller's old keys": {forger, 400, "SignatureDoesNotMatch"},
	} {
		if a := b.ACS3(test.call); a.Status != test.status || sandboxtest.ACS3Code(t, a) != test.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.Status, a.Body, test.status, test.code)
		}
	}
}

// XML is what the gateway answers unless it is asked for JSON.
func TestAnswersInXMLToo(t *testing.T) {
	t.Parallel()
	b := start(t)
	for root, call := range map[string]sandboxtest.ACS3{
		"ListAccessKeysResponse": signed(opList), "CreateAccessKeyResponse": signed(opCreate),
		"UpdateAccessKeyResponse": signed(opUpdate, "UserAccessKeyId", first, "Status", "Active"), "Error": signed(opDelete, "UserAccessKeyId", first),
	} {
		call.Accept = ""
		var out struct{ XMLName xml.Name }
		if a := b.ACS3(call); xml.Unmarshal([]byte(a.Body), &out) != nil || out.XMLName.Local != root {
			t.Errorf("%d %s, want %s", a.Status, a.Body, root)
		}
	}
}

func TestATargetIsAKeyOfAUser(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{user, user + "/", "/" + first, "a b/" + first, user + "/short", strings.Repeat("a", 65) + "/" + first} {
		if _, err := start(t).AddTargets(Code, core.Target{Target: bad}); err == nil {
			t.Errorf("%q is a target", bad)
		}
	}
}
