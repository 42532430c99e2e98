package operate_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

// catalogue is a provider that lists credentials.
type catalogue struct {
	operate.Providers
	all []rotation.Listed
	err error
}

func (c catalogue) List(context.Context, string, string) ([]rotation.Listed, error) {
	return c.all, c.err
}

func importDesk(p operate.Providers) *operate.Desk {
	asIs := func(target string) (string, error) { return target, nil }
	account := func(name string, p rotation.Provider) *config.Account {
		p.CheckTarget = asIs
		return &config.Account{Name: name, Provider: &p}
	}
	return &operate.Desk{Providers: p, Accounts: map[string]*config.Account{
		"kirim":    account("kirim", rotation.Provider{Code: "kirimemail", Mode: rotation.ModeIssuer, Lists: true}),
		"ses":      account("ses", rotation.Provider{Code: "tencent-ses", Mode: rotation.ModeSetter}),
		"contacts": account("contacts", rotation.Provider{Code: "alibaba-domain", Mode: rotation.ModeContacts}),
	}}
}

func TestWhatAProviderListsIsNamedByWhoLogsIn(t *testing.T) {
	t.Parallel()
	d := importDesk(catalogue{all: []rotation.Listed{
		{Target: "example.com/1", Username: "News+1@example.com"},
		{Target: "example.com/2", Username: "news-1@example.com"}, // looks the same
	}})
	found, err := d.ImportListed(t.Context(), "example.com", operate.ImportRequest{Account: "kirim", PathPrefix: "/mail/"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(found)
	want := `[{"id":"kirim-news-1@example.com","account":"kirim","target":"example.com/1","path":"mail/kirim/news-1@example.com","username":"News+1@example.com"},` +
		`{"id":"kirim-example.com-2","account":"kirim","target":"example.com/2","path":"mail/kirim/example.com-2","username":"news-1@example.com"}]`
	if err != nil || string(got) != want {
		t.Errorf("%v: %s", err, got)
	}
}

func TestTwoAccountsOfOneServiceCannotHaveTheSameTarget(t *testing.T) {
	t.Parallel()
	d := importDesk(nil)
	d.Accounts["other"] = &config.Account{Name: "other", Provider: d.Accounts["ses"].Provider}
	table := "target,account\na@example.com,ses\na@example.com,other\n"
	_, err := d.ImportTable(strings.NewReader(table), "x.csv", operate.ImportRequest{})
	if operate.KindOf(err) != operate.Invalid || !strings.Contains(err.Error(), `x.csv:3: target "a@example.com" is already used at x.csv:2`) {
		t.Errorf("got %v", err)
	}
}

func TestAnImportSaysWhoseFaultItIs(t *testing.T) {
	t.Parallel()
	refused := errors.New("unauthorized")
	for name, test := range map[string]struct {
		account, domain string
		want            operate.Kind
	}{
		"no such account":      {"kirin", "example.com", operate.Absent},
		"it lists nothing":     {"ses", "example.com", operate.Invalid},
		"no domain":            {"kirim", "", operate.Invalid},
		"the provider says no": {"kirim", "example.com", operate.Beneath},
	} {
		_, err := importDesk(catalogue{err: refused}).ImportListed(t.Context(), test.domain, operate.ImportRequest{Account: test.account})
		if err == nil || operate.KindOf(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	table := "target,account\n,ses\na@example.com,contacts\nb@example.com,ses\n"
	_, err := importDesk(nil).ImportTable(strings.NewReader(table), "fleet.csv", operate.ImportRequest{})
	want := "fleet.csv:2: want a target, and an account there\n" +
		"fleet.csv:3: account contacts: alibaba-domain rotates nothing: its addresses belong under verifications"
	if operate.KindOf(err) != operate.Invalid || err.Error() != want || !errors.Is(err, operate.ErrIncomplete) {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

func TestATableNamesWhatCannotBeAPair(t *testing.T) {
	t.Parallel()
	d := importDesk(nil)
	d.Accounts["ses"].Provider.Pairs = true
	for table, want := range map[string]string{
		"target,second_target,account\na@x.com,b@x.com,kirim\n":             `t.csv:2: second_target "b@x.com": kirimemail cannot have a pair`,
		"target,second_target,account\na@x.com,A@x.com,ses\n":               `t.csv:2: second_target "A@x.com": it is the target too`,
		"target,second_username,account\na@x.com,b,ses\n":                   `t.csv:2: second_username "b": want a second_target too`,
		"target,second_target,account\na@x.com,b@x.com,ses\nb@x.com,,ses\n": `t.csv:3: target "b@x.com" is already used at t.csv:2`,
	} {
		if _, err := d.ImportTable(strings.NewReader(table), "t.csv", operate.ImportRequest{}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
