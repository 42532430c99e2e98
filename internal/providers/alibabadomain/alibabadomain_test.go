package alibabadomain

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
)

var addresses = []string{"ddd@test.com", "aaa@test.com", "BBB@Test.com", "ccc@test.com"}

// submit makes the call at the time and with the nonce of the fixtures.
func submit(t *testing.T, s rotation.Settings) ([]rotation.ContactResult, error) {
	t.Helper()
	made, err := newClient(s)
	if err != nil {
		t.Fatal(err)
	}
	c := made.Contacts.(*client)
	c.http.Now = func() time.Time { return time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC) }
	c.nonce = func() string { return "3156853299f313e23d1673dc12e1703d" }
	return c.VerifyContacts(t.Context(), addresses)
}

func verify(t *testing.T, answer providertest.Answer) ([]rotation.ContactResult, error) {
	t.Helper()
	return submit(t, providertest.Serve(t, answer).Settings(Provider(), ""))
}

func call(t *testing.T, answer providertest.Answer) error {
	t.Helper()
	_, err := verify(t, answer)
	return err
}

func TestTheProviderIsAsItsPagesSay(t *testing.T) {
	t.Parallel()
	providertest.Suite(t, providertest.Case{
		Provider: Provider(),
		Make: func(t *testing.T, s rotation.Settings) error {
			t.Helper()
			_, err := submit(t, s)
			return err
		},
		Sent:      map[string]string{"": "submit.request", regionChina: "submit-china.request"},
		Successes: []string{"camel.json", "pascal.json", "wrapped.json", "wrapped.xml"}, Odd: []string{"pascal.json", "wrapped.xml"},
		Refusals: []string{"error.json", "error.xml"}, RequestID: "02B2A890-CBD8-4806-9BCA-C93190CE7EF6",
		Targets: map[string]string{
			" A@TEST.com ":              "A@test.com",
			"owner@example.com":         "owner@example.com",
			"a@exämple.com":             "a@xn--exmple-cua.com",
			"a@xn--exmple-cua.com.":     "a@xn--exmple-cua.com",
			"":                          "",
			"a@test.com,":               "",
			"a@test.com,b@test.com":     "",
			`"a,b"@test.com`:            "",
			"example.com":               "",
			"Owner <owner@example.com>": "",
		},
	})
}

func TestEveryShapeGivesTheSameResults(t *testing.T) {
	t.Parallel()
	want := []rotation.ContactResult{
		{Address: "ccc@test.com", State: rotation.ContactSent},
		{Address: "ddd@test.com", State: rotation.ContactSent},
		{Address: "aaa@test.com", State: rotation.ContactVerified},
		{Address: "BBB@Test.com", State: rotation.ContactFailed, Code: codeQuota, NotToday: true},
	}
	for _, fixture := range []string{"camel.json", "pascal.json", "wrapped.json", "wrapped.xml"} {
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			got, err := verify(t, providertest.Answer{Body: providertest.Fixture(t, fixture)})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestEmptyListsOfEverySpellingAreEmpty(t *testing.T) {
	t.Parallel()
	for _, empty := range []string{`null`, `""`, `[]`, `{}`, `{"SendResult": []}`, `{"SendResult": null}`} {
		body := `{"RequestId": "1", "FailList": ` + empty + `, "ExistList": ` + empty + `, "SuccessList": [{"Email": "ccc@test.com"}]}`
		got, err := verify(t, providertest.Answer{Body: body})
		if err != nil || len(got) != 1 {
			t.Errorf("%s gives %+v, %v", empty, got, err)
		}
	}
}

func TestACodeOtherThanSuccessIsAFailureInAnyList(t *testing.T) {
	t.Parallel()
	body := `{"RequestId": "1", "SuccessList": [{"Email": "ccc@test.com", "Code": "Odd"}], "FailList": [{"Email": "ddd@test.com"}]}`
	got, err := verify(t, providertest.Answer{Body: body})
	want := []rotation.ContactResult{
		{Address: "ccc@test.com", State: rotation.ContactFailed, Code: "Odd"},
		{Address: "ddd@test.com", State: rotation.ContactFailed},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestAnAnswerThatNamesNoAddressIsInDoubt(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"RequestId": "1"}`, `{"RequestId": "1", "SuccessList": []}`, `<Response><RequestId>1</RequestId></Response>`} {
		providertest.CheckKind(t, call(t, providertest.Answer{Body: body}), rotation.InDoubt)
	}
	providertest.CheckKind(t, call(t, providertest.Answer{Status: http.StatusBadGateway, Body: providertest.Fixture(t, "camel.json")}), rotation.InDoubt)
}

func TestAnOddlyWrappedSuccessIsNotNeedlesslyInDoubt(t *testing.T) {
	t.Parallel()
	body := strings.Replace(providertest.Fixture(t, "wrapped.xml"), "<Message />", "<Message>a & b</Message>", 1)
	if err := call(t, providertest.Answer{Body: strings.Replace(body, "UTF-8", "UTF-16", 1)}); err != nil {
		t.Error(err)
	}
}

func TestABadAddressIsRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	server := providertest.Serve(t, providertest.Answer{})
	c, err := newClient(server.Settings(Provider(), ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]string{nil, {"address"}, {"a@test.com", ""}} {
		_, err := c.Contacts.VerifyContacts(t.Context(), bad)
		providertest.CheckKind(t, err, rotation.Target)
	}
	if sent := server.Sent(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"successList":[{"email":"a@b"}]}`, `{"SuccessList":{"SendResult":{}}}`, `<a><SuccessList><SendResult/></SuccessList></a>`, `{"FailList":7}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := decode(body); err == nil && !r.empty() && len(results(r, addresses)) == 0 {
			t.Errorf("results of %q are lost", body)
		}
	})
}
