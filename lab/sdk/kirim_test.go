package sdk_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const (
	kirimEmail = "kirimemail"
	guidForm   = "11111111-2222-4333-8444-%012[1]d"
	noGUID     = "00000000-0000-4000-8000-000000000000"
)

// kirimReply is the answer of a reset as its page shows it.
type kirimReply struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Data    struct {
		Credential struct {
			ID         int64  `json:"id"`
			GUID       string `json:"user_smtp_guid"`
			Username   string `json:"username"`
			CreatedAt  int64  `json:"created_at"`
			ModifiedAt int64  `json:"modified_at"`
		} `json:"credential"`
		NewPassword  string         `json:"new_password"`
		StrengthInfo map[string]any `json:"strength_info"`
		RemoteSynced bool           `json:"remote_synced"`
	} `json:"data"`
}

// reset makes the call that the page documents. The official Go SDK sends the body "null" with it.
func reset(t *testing.T, token, domain, guid, body string) (int, kirimReply) {
	t.Helper()
	url := box.Providers[kirimEmail] + "/api/domains/" + domain + "/credentials/" + guid + "/reset-password"
	status, answer := call(t, http.MethodPut, url, []byte(body), func(r *http.Request) {
		r.SetBasicAuth("api", token)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
	})
	var reply kirimReply
	if err := json.Unmarshal(answer, &reply); err != nil {
		t.Fatalf("HTTP %d: %v", status, err)
	}
	return status, reply
}

func TestKirimResetsAPassword(t *testing.T) {
	t.Parallel()
	name := target(t, kirimEmail, "example.com/"+guidForm)
	_, guid, _ := strings.Cut(name, "/")
	for i, body := range []string{"", "null"} {
		status, reply := reset(t, "test-token", "example.com", guid, body)
		d := reply.Data
		if status != http.StatusOK || !reply.Success || reply.Message == "" || !d.RemoteSynced || len(d.StrengthInfo) == 0 {
			t.Errorf("HTTP %d %q, success %v, synced %v", status, reply.Message, reply.Success, d.RemoteSynced)
		}
		c := d.Credential
		if c.GUID != guid || c.Username == "" || c.ID == 0 || c.CreatedAt == 0 || c.ModifiedAt < c.CreatedAt {
			t.Errorf("credential %+v", c)
		}
		wantLive(t, kirimEmail, name, d.NewPassword, i+1)
	}
}

func TestKirimRefusesWithItsStatusAndMessage(t *testing.T) {
	t.Parallel()
	name := target(t, kirimEmail, "example.net/"+guidForm)
	_, guid, _ := strings.Cut(name, "/")
	for message, request := range map[string]struct {
		token, domain, guid string
		status              int
	}{
		"Unauthorized": {"wrong", "example.net", guid, http.StatusUnauthorized},
		"Credential does not belong to the specified domain": {"test-token", "example.com", guid, http.StatusForbidden},
		"Credential not found":                               {"test-token", "example.net", noGUID, http.StatusNotFound},
	} {
		status, reply := reset(t, request.token, request.domain, request.guid, "")
		if status != request.status || reply.Success || reply.Message != message {
			t.Errorf("HTTP %d %q, want %d %q", status, reply.Message, request.status, message)
		}
	}
	wantLive(t, kirimEmail, name, "", 0)
}

// The list as the official Go SDK reads it: the credentials are data itself.
func TestKirimListsCredentials(t *testing.T) {
	t.Parallel()
	domain, guid, _ := strings.Cut(target(t, kirimEmail, "list-%[1]d.example/"+guidForm), "/")
	status, answer := call(t, http.MethodGet, box.Providers[kirimEmail]+"/api/domains/"+domain+"/credentials?limit=10&page=1", nil,
		func(r *http.Request) { r.SetBasicAuth("api", "test-token") })
	var list struct {
		Success bool   `json:"success"`
		Domain  string `json:"domain"`
		Data    []struct {
			GUID string `json:"user_smtp_guid"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		t.Fatalf("HTTP %d: %v", status, err)
	}
	if !list.Success || list.Domain != domain || len(list.Data) != 1 || list.Data[0].GUID != guid {
		t.Errorf("HTTP %d %+v", status, list)
	}
}
