package sdk_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tencent "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

const tencentSES = "tencent-ses"

// updatePassword makes the call through the SDK's common client, which its products are generated over.
func updatePassword(t *testing.T, secretKey, region, address, password string) (requestID string, err error) {
	t.Helper()
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme = "HTTP"
	p.HttpProfile.Endpoint = host(t, tencentSES)
	client := common.NewCommonClient(common.NewCredential(keyID, secretKey), region, p)
	request := tchttp.NewCommonRequest("ses", "2020-10-02", "UpdateEmailSmtpPassWord")
	if err := request.SetActionParameters(map[string]any{"EmailAddress": address, "Password": password}); err != nil {
		t.Fatal(err)
	}
	response := tchttp.NewCommonResponse()
	if err := client.Send(request, response); err != nil {
		return "", err
	}
	var out struct {
		Response struct {
			RequestID string `json:"RequestId"`
		}
	}
	if err := json.Unmarshal(response.GetBody(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Response.RequestID, nil
}

func TestTencentSDKSetsAPassword(t *testing.T) {
	t.Parallel()
	address := target(t, tencentSES, "set-%d@example.com")
	for i, password := range []string{"ABcdef123456", "ABcdef654321"} {
		id, err := updatePassword(t, keySecret, "ap-hongkong", address, password)
		if err != nil || id == "" {
			t.Fatalf("request id %q, error %v", id, err)
		}
		wantLive(t, tencentSES, address, password, i+1)
	}
}

func TestTencentSDKReadsTheSandboxsErrors(t *testing.T) {
	t.Parallel()
	address := target(t, tencentSES, "errors-%d@example.com")
	const password = "ABcdef123456"
	if _, err := updatePassword(t, keySecret, "ap-hongkong", address, password); err != nil {
		t.Fatal(err)
	}
	for code, request := range map[string]struct{ key, region, address, password string }{
		"OperationDenied.RepeatPassWord":            {keySecret, "ap-hongkong", address, password},
		"InvalidParameterValue.InvalidSmtpPassWord": {keySecret, "ap-hongkong", address, "short"},
		"InvalidParameterValue.NoSuchSender":        {keySecret, "ap-hongkong", "unknown@example.com", password},
		"AuthFailure.SignatureFailure":              {"wrong", "ap-hongkong", address, password},
		"UnsupportedRegion":                         {keySecret, "ap-unknown", address, password},
	} {
		_, err := updatePassword(t, request.key, request.region, request.address, request.password)
		wantTencent(t, err, code)
	}
	strike(t, tencentSES, address, "rate_limit", nil)
	_, err := updatePassword(t, keySecret, "ap-hongkong", address, "ABcdef654321")
	wantTencent(t, err, "RequestLimitExceeded")
	wantLive(t, tencentSES, address, password, 1)
}

func wantTencent(t *testing.T, err error, code string) {
	t.Helper()
	refusal, ok := errors.AsType[*tencent.TencentCloudSDKError](err)
	if !ok || refusal.Code != code || refusal.RequestId == "" || refusal.Message == "" {
		t.Errorf("got %v, want %s with a message and a request id", err, code)
	}
}
