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
