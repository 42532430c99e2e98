package kirimemail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
)

const (
	guid   = "92703823-f3a4-48e2-8e87-7adf25454800"
	target = "example.com/" + guid
)

func testClient(t *testing.T, server *providertest.Server) rotation.Client {
	t.Helper()
	c, err := Provider().New(server.Settings(Provider(), ""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func issue(t *testing.T, answer providertest.Answer) (rotation.Issued, error) {
	t.Helper()
	return testClient(t, providertest.Serve(t, answer)).Issuer.Issue(t.Context(), target)
}

func call(t *testing.T, answer providertest.Answer) error {
	t.Helper()
	_, err := issue(t, answer)
	return err
}

func list(t *testing.T, answer providertest.Answer) error {
	t.Helper()
	_, err := testClient(t, providertest.Serve(t, answer)).Lister.List(t.Context(), "example.com", atOnce)
	return err
}

func TestTheProviderIsAsItsPagesSay(t *testing.T) {
	t.Parallel()
	providertest.Suite(t, providertest.Case{
		Provider: Provider(),
		Make: func(t *testing.T, s rotation.Settings) error {
			t.Helper()
			c, err := newClient(s)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Issuer.Issue(t.Context(), target)
			return err
		},
		Sent: map[string]string{"": "reset.request"}, Successes: []string{"reset.json"}, Refusals: []string{"error.json"},
		Targets: map[string]string{
			target: target,
			" Example.COM/" + strings.ToUpper(guid) + " ": target,
			"example.com./" + guid:                        target,
			"ｅｘａｍｐｌｅ．com/" + guid:                         target,
			"exämple.com/" + guid:                         "xn--exmple-cua.com/" + guid,
			"example..com/" + guid:                        "",
			"":                                            "",
			"example.com":                                 "",
			guid:                                          "",
			"example.com/" + guid + "/":                   "",
			"/" + guid:                                    "",
			"example.com/42":                              "",
			"exa mple.com/" + guid:                        "",
		},
	})
}

func TestAListIsReadLikeAReset(t *testing.T) {
	t.Parallel()
	body := providertest.Fixture(t, "error.json")
	providertest.CheckTable(t, errorTable(), list, func(row rotation.ErrorRow) providertest.Answer {
		return providertest.Answer{Status: row.Status, Body: body}
	})
	providertest.CheckMalformed(t, list)
}

func TestIssueReturnsPasswordUserNameAndSync(t *testing.T) {
	t.Parallel()
	body := providertest.Fixture(t, "reset.json")
	for name, test := range map[string]struct {
		body   string
		synced bool
	}{
		"synced":      {body, true},
		"not synced":  {strings.Replace(body, `"remote_synced": true`, `"remote_synced": false`, 1), false},
		"not said":    {strings.Replace(body, `"remote_synced": true`, `"remote": null`, 1), false},
		"said as nil": {strings.Replace(body, `"remote_synced": true`, `"remote_synced": null`, 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issued, err := issue(t, providertest.Answer{Body: test.body})
			if err != nil {
				t.Fatal(err)
			}
			if issued.Password.Reveal() != "new-generated-password" || issued.Synced != test.synced {
				t.Errorf("got synced %v, and the password right: %v",
					issued.Synced, issued.Password.Reveal() == "new-generated-password")
			}
		})
	}
}

func TestAPasswordThatIsShownIsKept(t *testing.T) {
	t.Parallel()
	providertest.CheckShown(t, Provider(), target, providertest.Shown{
		Fixture: "reset.json", Field: "new_password", Synced: `"remote_synced": true`,
	})
}

func TestAnAnswerThatOnlyLooksLikeASuccessIsInDoubt(t *testing.T) {
	t.Parallel()
	body := providertest.Fixture(t, "reset.json")
	for name, answer := range map[string]providertest.Answer{
		"success false":      {Body: providertest.Fixture(t, "error.json")},
		"status 500":         {Status: http.StatusInternalServerError, Body: body},
		"no password":        {Body: strings.Replace(body, "new-generated-password", "", 1)},
		"no data":            {Body: `{"success": true}`},
		"another credential": {Body: strings.Replace(body, guid, "0f9ab6d0-2e53-4a43-9d44-3f6a0f4f0b52", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.CheckKind(t, call(t, answer), rotation.InDoubt)
		})
	}
}

func TestAListThatDoesNotSayThatItIsASuccessIsInDoubt(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"data": []}`, `{"success": null, "data": []}`, `{"success": "maybe", "data": []}`} {
		providertest.CheckKind(t, list(t, providertest.Answer{Body: body}), rotation.InDoubt)
	}
}

func TestListReadsBothShapesOfAList(t *testing.T) {
	t.Parallel()
	want := []rotation.Listed{
		{Target: target, Username: "myuser@example.com"},
		{Target: "example.com/0f9ab6d0-2e53-4a43-9d44-3f6a0f4f0b52", Username: "other@example.com"},
	}
	for _, fixture := range []string{"list.json", "list-paged.json"} {
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			server := providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, fixture)})
			got, err := testClient(t, server).Lister.List(t.Context(), " Example.com ", atOnce)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %v, %v; want %v", got, err, want)
			}
			providertest.CheckSent(t, server, "list.request")
		})
	}
}

func TestListReadsAListThatIsWrappedOddly(t *testing.T) {
	t.Parallel()
	body := strings.Replace(providertest.Fixture(t, "list.json"), `"username": "myuser"`, `"username": 42`, 1)
	body = "\ufeff" + strings.Replace(body, `"success": true`, `"success": 1`, 1) + "\x00\n"
	got, err := testClient(t, providertest.Serve(t, providertest.Answer{Body: body})).Lister.List(t.Context(), "example.com", atOnce)
	if err != nil || len(got) != 2 || got[0].Username != "42@example.com" {
		t.Errorf("got %v, %v", got, err)
	}
}

func atOnce(context.Context) error { return nil }

func TestListWaitsForItsTurnBeforeEachCall(t *testing.T) {
	t.Parallel()
	full := `{"success": true, "data": [` + strings.Repeat(`{},`, pageSize-1) + `{}]}`
	server := providertest.Serve(t, providertest.Answer{Body: full})
	tired, turns := errors.New("no turn any more"), 0
	_, err := testClient(t, server).Lister.List(t.Context(), "example.com", func(context.Context) error {
		if turns++; turns == 2 {
			return tired
		}
		return nil
	})
	if !errors.Is(err, tired) || len(server.Sent()) != 1 {
		t.Errorf("%d calls, %v", len(server.Sent()), err)
	}
}

func TestListReadsEveryPage(t *testing.T) {
	t.Parallel()
	page := func(n int) providertest.Answer {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(`{"user_smtp_guid": %q, "username": "user"}`, guid)
		}
		return providertest.Answer{Body: `{"success": true, "data": [` + strings.Join(items, ",") + `]}`}
	}
	server := providertest.Serve(t, page(pageSize), page(pageSize), page(3))
	got, err := testClient(t, server).Lister.List(t.Context(), "example.com", atOnce)
	if err != nil || len(got) != 2*pageSize+3 {
		t.Fatalf("got %d credentials, %v", len(got), err)
	}
	for i, request := range server.Sent() {
		if want := fmt.Sprintf("GET /api/domains/example.com/credentials?limit=100&page=%d\n", i+1); !strings.HasPrefix(request, want) {
			t.Errorf("request %d is\n%s", i+1, request)
		}
	}
}

func TestABadTargetIsRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	server := providertest.Serve(t, providertest.Answer{})
	_, err := testClient(t, server).Issuer.Issue(t.Context(), "example.com/../admin")
	providertest.CheckKind(t, err, rotation.Target)
	_, err = testClient(t, server).Lister.List(t.Context(), "example.com/x", atOnce)
	providertest.CheckKind(t, err, rotation.Target)
	if sent := server.Sent(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}
