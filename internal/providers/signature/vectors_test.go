package signature_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyturn/internal/providers/signature"
	"keyturn/internal/secret"
)

// The example of Alibaba's own page on the scheme.
func TestACS3MatchesThePublishedVector(t *testing.T) {
	t.Parallel()
	u := mustParse(t, "https://ecs.cn-shanghai.aliyuncs.com/?"+url.Values{
		"ImageId":  {"win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"},
		"RegionId": {"cn-shanghai"},
	}.Encode())
	header := http.Header{}
	header.Set("X-Acs-Action", "RunInstances")
	header.Set("X-Acs-Version", "2014-05-26")
	signature.ACS3{KeyID: "YourAccessKeyId", Secret: secret.New("YourAccessKeySecret")}.
		Sign(http.MethodPost, u, header, nil, at(t, "2023-10-26T10:22:32Z"), "3156853299f313e23d1673dc12e1703d")
	want := "ACS3-HMAC-SHA256 Credential=YourAccessKeyId," +
		"SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version," +
		"Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
	if got := header.Get("Authorization"); got != want {
		t.Errorf("Authorization\n got %s\nwant %s", got, want)
	}
}

// The examples of Tencent's own pages on the scheme.
func TestTC3MatchesThePublishedVectors(t *testing.T) {
	t.Parallel()
	const body = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	for name, vector := range map[string]struct{ secret, action, signed, signature string }{
		"content type and host": {
			secret:    "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
			signed:    "content-type;host",
			signature: "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
		},
		"action too": {
			secret:    strings.Repeat("*", 32),
			action:    "DescribeInstances",
			signed:    "content-type;host;x-tc-action",
			signature: "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			header.Set("Content-Type", "application/json; charset=utf-8")
			if vector.action != "" {
				header.Set("X-TC-Action", vector.action)
			}
			signature.TC3{KeyID: "AKIDEXAMPLE", Secret: secret.New(vector.secret), Service: "cvm"}.
				Sign(http.MethodPost, mustParse(t, "https://cvm.tencentcloudapi.com/"), header, []byte(body), time.Unix(1551113065, 0))
			want := "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2019-02-25/cvm/tc3_request, SignedHeaders=" +
				vector.signed + ", Signature=" + vector.signature
			if got := header.Get("Authorization"); got != want {
				t.Errorf("Authorization\n got %s\nwant %s", got, want)
			}
		})
	}
}

func BenchmarkACS3(b *testing.B) {
	u := &url.URL{Scheme: "https", Host: "dm.aliyuncs.com", Path: "/"}
	key := signature.ACS3{KeyID: "id", Secret: secret.New("secret")}
	body := []byte("DomainName=example.com&Password=DM1mail1234Pass")
	b.ReportAllocs()
	for b.Loop() {
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Acs-Action": {"ModifyPWByDomain"}}
		key.Sign(http.MethodPost, u, header, body, time.Unix(1551113065, 0), "nonce")
	}
}

func BenchmarkTC3(b *testing.B) {
	u := &url.URL{Scheme: "https", Host: "ses.tencentcloudapi.com", Path: "/"}
	key := signature.TC3{KeyID: "id", Secret: secret.New("secret"), Service: "ses"}
	body := []byte(`{"Password":"DM1mail1234Pass","EmailAddress":"alerts@example.com"}`)
	b.ReportAllocs()
	for b.Loop() {
		header := http.Header{"Content-Type": {"application/json"}, "X-Tc-Action": {"UpdateEmailSmtpPassWord"}}
		key.Sign(http.MethodPost, u, header, body, time.Unix(1551113065, 0))
	}
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
