package operate_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

// post is a provider that mails to contacts.
type post struct {
	operate.Providers
	results []rotation.ContactResult
	err     error
	asked   *[]string
}

func (p post) Confirm(_ context.Context, account string, addresses []string, by string) ([]rotation.ContactResult, error) {
	*p.asked = append([]string{account, by}, addresses...)
	return p.results, p.err
}

func contactsDesk(p post, accounts ...string) *operate.Desk {
	d := &operate.Desk{Providers: p, Accounts: map[string]*config.Account{"ses": {Name: "ses", Provider: &rotation.Provider{Mode: rotation.ModeSetter}}}}
	for _, name := range accounts {
		d.Accounts[name] = &config.Account{Name: name, Provider: &rotation.Provider{
			Mode: rotation.ModeContacts,
			CheckTarget: func(target string) (string, error) {
				if !strings.Contains(target, "@") {
					return "", errors.New("no address")
				}
				return strings.ToLower(target), nil
			},
		}}
	}
	return d
}

func TestEveryContactIsAskedOnceAndTold(t *testing.T) {
	t.Parallel()
	var asked []string
	d := contactsDesk(post{asked: &asked, results: []rotation.ContactResult{
		{Address: "c@example.com", State: rotation.ContactFailed, Code: "Quota", NotToday: true},
		{Address: "a@example.com", State: rotation.ContactSent},
		{Address: "d@example.com", State: rotation.ContactFailed, Code: "Bad"},
		{Address: "b@example.com", State: rotation.ContactVerified},
	}}, "china")
	all, err := d.VerifyContacts(t.Context(), operate.ContactsRequest{
		Addresses: []string{"A@example.com", "b@example.com", "a@example.com", "c@example.com", "d@example.com", "e@example.com"}, By: "ann@host",
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(all)
	want := `[{"address":"a@example.com","result":"sent"},{"address":"b@example.com","result":"mailed or verified before"},` +
		`{"address":"c@example.com","result":"not today: its quota is used up","code":"Quota"},` +
		`{"address":"d@example.com","result":"failed","code":"Bad"},{"address":"e@example.com","result":"failed","code":"not in the answer"}]`
	if err != nil || string(got) != want {
		t.Errorf("%v: %s", err, got)
	}
	if !slices.Equal(asked, []string{"china", "ann@host", "a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@example.com"}) {
		t.Errorf("asked %q", asked)
	}
	for i, good := range []bool{true, true, false, false, false} {
		if all[i].Result.Good() != good {
			t.Errorf("%+v", all[i])
		}
	}
}

func TestAMistakeAboutContactsIsToldBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		accounts []string
		request  operate.ContactsRequest
		kind     operate.Kind
		text     string
	}{
		"none":         {nil, operate.ContactsRequest{}, operate.Absent, "no account in the configuration verifies contacts"},
		"another kind": {[]string{"china"}, operate.ContactsRequest{Account: "ses"}, operate.Absent, "ses: no such account verifies contacts"},
		"several":      {[]string{"china", "world"}, operate.ContactsRequest{}, operate.Invalid, "several accounts verify contacts: choose one"},
		"addresses":    {[]string{"china"}, operate.ContactsRequest{Addresses: []string{"x", "a@b", "y"}}, operate.Invalid, "\"x\": no address\n\"y\": no address"},
	} {
		var asked []string
		_, err := contactsDesk(post{asked: &asked}, test.accounts...).VerifyContacts(t.Context(), test.request)
		if operate.KindOf(err) != test.kind || err.Error() != test.text || asked != nil {
			t.Errorf("%s: %v, asked %q", name, err, asked)
		}
	}
	away := errors.New("rate limited")
	if _, err := contactsDesk(post{asked: new([]string), err: away}, "china").VerifyContacts(t.Context(), operate.ContactsRequest{}); !errors.Is(err, away) {
		t.Errorf("%v", err)
	}
}
