package signature

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTC3MatchesPublishedVectors(t *testing.T) {
	t.Parallel()
	const body = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	at := time.Unix(1551113065, 0)
	tests := []struct{ key, signed, signature string }{
		{"Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "content-type;host", "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"},
		{strings.Repeat("*", 32), "content-type;host;x-tc-action", "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"},
	}
	for _, test := range tests {
		t.Run(test.signed, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://cvm.tencentcloudapi.com/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
			r.Header.Set("X-TC-Action", "DescribeInstances")
			r.Header.Set("X-TC-Timestamp", "1551113065")
			r.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=ID/2019-02-25/cvm/tc3_request, SignedHeaders="+
				test.signed+", Signature="+test.signature)
			secret := func(string) (string, bool) { return test.key, true }
			if id, code := VerifyTC3(r, []byte(body), "cvm", at, secret); id != "ID" || code != "" {
				t.Errorf("refused with %q", code)
			}
			if _, code := VerifyTC3(r, []byte(body+" "), "cvm", at, secret); code != TC3SignatureFailure {
				t.Errorf("another body: %q, want a refusal", code)
			}
		})
	}
}

func TestACS3MatchesThePublishedVector(t *testing.T) {
	t.Parallel()
	const address = "https://ecs.cn-shanghai.aliyuncs.com/?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	const signed = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
	r.Header.Set("X-Acs-Action", "RunInstances")
	r.Header.Set("X-Acs-Version", "2014-05-26")
	r.Header.Set("X-Acs-Date", "2023-10-26T10:22:32Z")
	r.Header.Set("X-Acs-Signature-Nonce", "3156853299f313e23d1673dc12e1703d")
	r.Header.Set("X-Acs-Content-Sha256", hexSHA256(nil))
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders="+signed+
		",Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")
	h := ACS3{Signed: strings.Split(signed, ";")}
	if sum := hexSHA256([]byte(h.canonical(r, hexSHA256(nil)))); sum != "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259" {
		t.Errorf("canonical hash %s", sum)
	}
	at := time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC)
	secret := func(string) (string, bool) { return "YourAccessKeySecret", true }
	if id, code := VerifyACS3(r, nil, at, secret); id != "YourAccessKeyId" || code != "" {
		t.Errorf("refused with %q", code)
	}
	r.URL.RawQuery += "&X=1"
	if _, code := VerifyACS3(r, nil, at, secret); code != ACS3DoesNotMatch {
		t.Errorf("another query: %q, want a refusal", code)
	}
}

func TestSigV4MatchesThePublishedVector(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, "+
		"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	secret := func(id string) (string, bool) { return "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", id == "AKIDEXAMPLE" }
	verify := func(body string, now time.Time, region string) string {
		_, code := VerifySigV4(r, []byte(body), region, "iam", now, secret)
		return code
	}
	for want, code := range map[string]string{
		"": verify("", at.Add(SigV4Skew), "us-east-1"), SigV4Expired: verify("", at.Add(-time.Hour), "us-east-1"),
		SigV4DoesNotMatch: verify("a", at, "us-east-1"),
	} {
		if code != want {
			t.Errorf("got %q, want %q", code, want)
		}
	}
	if code := verify("", at, "eu-west-1"); code != SigV4DoesNotMatch {
		t.Errorf("another region: %q", code)
	}
	if code := verify("", at.Add(SigV4Skew+time.Second), "us-east-1"); code != SigV4DoesNotMatch {
		t.Errorf("another clock: %q", code)
	}
	r.Header.Set("X-Amz-Target", "unsigned")
	if code := verify("", at, "us-east-1"); code != SigV4Incomplete {
		t.Errorf("a header that is not signed: %q", code)
	}
}

func TestSigV4EscapesAPathOnceMore(t *testing.T) {
	t.Parallel()
	if got, want := sigV4Path("/a@b.example%2F%20c~"), "/a%40b.example%252F%2520c~"; got != want || sigV4Path("") != "/" {
		t.Errorf("got %s, want %s", got, want)
	}
}
