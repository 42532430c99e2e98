package awsses

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
	"keyturn/internal/sandbox/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox of this stand-in.
type bench struct{ *sandboxtest.Bench }

func start(t *testing.T, options core.Options) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}, Options: options}))}
}

const user = "ses-smtp-user"

// call makes a signed call with parameters, pairs of name and value. That the signature itself is right is the business of
// signature's own tests.
func (b bench) call(action string, edit func(*http.Request), parameters ...string) sandboxtest.Answer {
	form := url.Values{"Action": {action}, "Version": {version}, "UserName": {user}}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	body, at := form.Encode(), b.Clock.Now().UTC().Format("20060102T150405Z")
	r := b.Request(http.MethodPost, b.Ready().Providers[Code]+"/", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Amz-Date", at)
	if edit != nil {
		edit(r)
	}
	h := signature.SigV4{ID: StandIn().Key.ID, Date: at[:8], Region: iamRegion, Service: "iam", Signed: []string{"content-type", "host", "x-amz-date"}}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+strings.Join([]string{h.ID, h.Date, h.Region, h.Service, "aws4_request"}, "/")+
		", SignedHeaders="+strings.Join(h.Signed, ";")+", Signature="+h.Sign(r, []byte(body), StandIn().Key.Secret))
	return b.Do(r)
}

// answer is every field of IAM's answers.
type answer struct {
	Code   string      `xml:"Error>Code"`
	Made   accessKey   `xml:"CreateAccessKeyResult>AccessKey"`
	Listed []accessKey `xml:"ListAccessKeysResult>AccessKeyMetadata>member"`
}

func read(t testing.TB, a sandboxtest.Answer) answer {
	t.Helper()
	var out answer
	if err := xml.Unmarshal([]byte(a.Body), &out); err != nil || !strings.Contains(a.Body, "<RequestId>") {
		t.Fatalf("no answer of IAM: %d %q %v", a.Status, a.Body, a.Err)
	}
	return out
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	const another = "another-user" // because a user has room for one key more
	two := StandIn()
	two.Targets = append(two.Targets, core.Target{Target: another + "/AKIAIOSFODNN7EXAMPL2"})
	whose := map[string]string{"NEwpass12345": user}
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: two, Place: user,
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			return bench{b}.call("CreateAccessKey", nil, "UserName", cmp.Or(whose[password], another))
		},
		Refused: func(t testing.TB, a sandboxtest.Answer) string { t.Helper(); return read(t, a).Code },
		Codes: map[core.Kind]string{
			core.RateLimit: "Throttling", core.ServerError: "ServiceFailure", core.Unavailable: "ServiceUnavailable", core.Repeat: "ServiceFailure",
			core.Reject: "ServiceFailure", core.Unauthorized: "AccessDenied", core.NotFound: "NoSuchEntity",
		},
	})
}

func TestAKeyLogsInWithThePasswordOfItsRegion(t *testing.T) {
	t.Parallel()
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		b := start(t, core.Options{option: region})
		made := read(t, b.call("CreateAccessKey", nil)).Made
		if made.UserName != user || made.Status != "Active" || len(made.SecretAccessKey) != 40 {
			t.Errorf("made %+v", made)
		}
		for _, of := range []string{"us-east-1", "eu-west-1"} {
			want := 535
			if of == region {
				want = 235
			}
			if code := b.Login(Code, made.AccessKeyID, smtpPassword(made.SecretAccessKey, of)); code != want {
				t.Errorf("in %s the password of %s: %d", region, of, code)
			}
		}
		if a := b.call("DeleteAccessKey", nil, "AccessKeyId", made.AccessKeyID); a.Status != http.StatusOK {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		if code := b.Login(Code, made.AccessKeyID, smtpPassword(made.SecretAccessKey, region)); code != 535 {
			t.Errorf("a deleted key logs in with %d", code)
		}
	}
	if _, err := StandIn().Open(nil, core.Options{option: "mars"}); err == nil {
		t.Error("a region that is none is taken")
	}
}

func TestAUserHasTwoKeys(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	one := read(t, b.call("CreateAccessKey", nil)).Made
	if a := b.call("CreateAccessKey", nil); a.Status != http.StatusConflict || read(t, a).Code != "LimitExceeded" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	list := b.call("ListAccessKeys", nil)
	if listed := read(t, list).Listed; len(listed) != 2 || listed[1].AccessKeyID != one.AccessKeyID || strings.Contains(list.Body, one.SecretAccessKey) {
		t.Errorf("%s", list.Body)
	}
	for _, id := range []string{one.AccessKeyID, "AKIAIOSFODNN7EXAMPLE"} {
		if a := b.call("DeleteAccessKey", nil, "AccessKeyId", id); a.Status != http.StatusOK {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if a := b.call("ListAccessKeys", nil); a.Status != http.StatusOK || len(read(t, a).Listed) != 0 || !strings.Contains(a.Body, "<IsTruncated>false<") {
		t.Errorf("a user without keys: %d %s", a.Status, a.Body)
	}
}

func TestRefusesAsDocumented(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	for name, test := range map[string]struct {
		answer sandboxtest.Answer
		status int
		code   string
	}{
		"unknown user":   {b.call("CreateAccessKey", nil, "UserName", "another"), 404, "NoSuchEntity"},
		"no user":        {b.call("CreateAccessKey", nil, "UserName", ""), 400, "ValidationError"},
		"another key":    {b.call("DeleteAccessKey", nil, "AccessKeyId", "AKIAIOSFODNN7EXAMPL2"), 404, "NoSuchEntity"},
		"another action": {b.call("CreateUser", nil), 400, "InvalidAction"},
		"an old date": {b.call("CreateAccessKey", func(r *http.Request) {
			r.Header.Set("X-Amz-Date", b.Clock.Now().Add(-time.Hour).UTC().Format("20060102T150405Z"))
		}), 400, "RequestExpired"},
	} {
		if got := read(t, test.answer).Code; test.answer.Status != test.status || got != test.code {
			t.Errorf("%s: %d %s, want %d %s", name, test.answer.Status, got, test.status, test.code)
		}
	}
	r := b.Request(http.MethodPost, b.Ready().Providers[Code]+"/", "Action=ListAccessKeys")
	if a := b.Do(r); a.Status != http.StatusBadRequest || read(t, a).Code != "IncompleteSignature" {
		t.Errorf("unsigned: %d %s", a.Status, a.Body)
	}
}
