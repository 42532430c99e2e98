package declared

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

var label = rotation.Label{Owner: "8c1f20a94e", Part: "7d3a9b01-1"}

const (
	labelled = "kt-8c1f20a94e-7d3a9b01-1"
	whole    = `{"id": "c-1", "name": "` + labelled + `", "password": "` + providertest.Password + `", "synced": true}`
)

// minterOf is a client of a description against an answer.
func minterOf(t *testing.T, d *Description, answer providertest.Answer) (rotation.Minter, *providertest.Server) {
	t.Helper()
	p, server := d.Provider(), providertest.Serve(t, answer)
	c, err := p.New(server.Settings(p, ""))
	if err != nil {
		t.Fatal(err)
	}
	return c.Minter, server
}

func mint(t *testing.T, d *Description, answer providertest.Answer) (rotation.Identity, error) {
	t.Helper()
	m, _ := minterOf(t, d, answer)
	return m.Mint(t.Context(), "example.com", label)
}

func listed(t *testing.T, d *Description, owner, body string) ([]string, error) {
	t.Helper()
	m, _ := minterOf(t, d, providertest.Answer{Body: body})
	return m.Identities(t.Context(), "example.com", owner, atOnce)
}

func atOnce(context.Context) error { return nil }

func TestAMinterHasIdentitiesAndNoOtherWay(t *testing.T) {
	t.Parallel()
	p := describe(t, "minter.yaml").Provider()
	if p.Mode != rotation.ModeMinter || p.Overlaps == nil || p.Overlaps.CheckOwner == nil || p.SMTPUsername || p.SMTP == nil {
		t.Errorf("%+v", p)
	}
	if got, err := p.Overlaps.CheckTarget("Example.com."); err != nil || got != "example.com" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAnIdentityThatIsShownIsKept(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml")
	for name, test := range map[string]struct {
		status int
		body   string
		synced bool
		kind   string // of the error beside, "" if there is none
	}{
		"as documented":     {201, whole, true, ""},
		"not yet live":      {201, strings.Replace(whole, `"synced": true`, `"synced": false`, 1), false, ""},
		"wrapped oddly":     {201, "\ufeff" + whole + "\x00", true, ""},
		"another status":    {200, whole, true, ""},
		"a fault":           {500, whole, false, "in doubt"},
		"beside a refusal":  {401, strings.Replace(whole, "{", `{"error": "no", `, 1), false, "unauthorized"},
		"without an ending": {201, whole[:len(whole)-len(`, "synced": true}`)], false, ""},
	} {
		made, err := mint(t, d, providertest.Answer{Status: test.status, Body: test.body})
		kind := ""
		if err != nil {
			kind = rotation.AsError(err).Kind.String()
		}
		if made.ID != "c-1" || made.Username != "c-1@example.com" || made.Password.Reveal() != providertest.Password || kind != test.kind ||
			name != "a fault" && name != "beside a refusal" && made.Synced != test.synced {
			t.Errorf("%s: %q of %q, synced %v, %v", name, made.ID, made.Username, made.Synced, err)
		}
	}
}

// An identity that cannot be told could not be retired: the list has it.
func TestAnIdentityThatCannotBeToldIsInDoubt(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml")
	for name, body := range map[string]string{
		"no id":       strings.Replace(whole, `"id"`, `"number"`, 1),
		"an odd id":   strings.Replace(whole, "c-1", "c/1", 1),
		"a way up":    strings.Replace(whole, "c-1", "..", 1),
		"another":     strings.Replace(whole, labelled, "kt-8c1f20a94e-7d3a9b01-2", 1),
		"no password": strings.Replace(whole, `"password"`, `"pass"`, 1),
		"half":        whole[:len(whole)/2],
		"nothing":     "",
	} {
		made, err := mint(t, d, providertest.Answer{Status: 201, Body: body})
		if err == nil || rotation.AsError(err).Kind != rotation.InDoubt || made != (rotation.Identity{}) {
			t.Errorf("%s: %q, %v", name, made.ID, err)
		}
	}
}

func TestARefusalIsOfItsCall(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml")
	answer := func(status int, code string) providertest.Answer {
		return providertest.Answer{Status: status, Body: `{"error": "` + code + `"}`}
	}
	for _, test := range []struct {
		status             int
		code               string
		mint, list, retire string
	}{
		{409, "full", "full", "in doubt", "in doubt"},
		{409, "taken", "repeat", "in doubt", "in doubt"},
		{404, "unknown", "target", "target", ""},
		{401, "token", "unauthorized", "unauthorized", "unauthorized"},
		{429, "slow", "rate limited", "rate limited", "rate limited"},
		{500, "full", "in doubt", "in doubt", "in doubt"},
		{500, "unknown", "in doubt", "in doubt", "in doubt"},
		{302, "full", "in doubt", "in doubt", "in doubt"},
		{418, "odd", "in doubt", "in doubt", "in doubt"},
	} {
		m, _ := minterOf(t, d, answer(test.status, test.code))
		_, mintErr := m.Mint(t.Context(), "example.com", label)
		_, listErr := m.Identities(t.Context(), "example.com", label.Owner, atOnce)
		retireErr := m.Retire(t.Context(), "example.com", "c-1")
		for call, got := range map[string]struct {
			err  error
			want string
		}{"create-credential": {mintErr, test.mint}, "list-credentials": {listErr, test.list}, "delete-credential": {retireErr, test.retire}} {
			switch {
			case got.err == nil:
				if got.want != "" {
					t.Errorf("%d %s at %s is a success", test.status, test.code, call)
				}
			case rotation.AsError(got.err).Kind.String() != got.want, rotation.AsError(got.err).Op != call:
				t.Errorf("%d %s at %s: %v, want %q", test.status, test.code, call, got.err, got.want)
			}
		}
	}
}

func TestAListNamesThoseOfALabel(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml")
	body := `{"credentials": [{"id": "c-1", "name": "person"}, {"id": "c-2", "name": "` + labelled + `"},
		{"id": "c-3", "name": "kt-8c1f20a94e0-1-1"}, {"id": "c-4", "name": "kt-1-1"}, {"id": 5, "name": "kt-8c1f20a94e-2-2"},
		{"id": "TOKEN", "name": "kt-8c1f20a94e-3-3"}, {"id": "c-6"}, {"id": "/", "name": null}]}`
	for owner, want := range map[string][]string{"8c1f20a94e": {"c-2", "5"}, "8c1f20a94": nil, "": {"c-4"}} {
		if got, err := listed(t, d, owner, body); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", owner, got, err)
		}
	}
	for _, body := range []string{
		``, `{}`, `[]`, `{"credentials": null}`, `{"credentials": {}}`, `{"credentials": [], "credentials": []}`, `{"credentials": [`,
		`{"error": "no", "id": "c-1"}`, `{"credentials": [{"name": "` + labelled + `"}]}`, `{"credentials": [{"id": "..", "name": "` + labelled + `"}]}`,
	} {
		if ids, err := listed(t, d, label.Owner, body); err == nil || rotation.AsError(err).Kind != rotation.InDoubt {
			t.Errorf("%s: %q, %v", body, ids, err)
		}
	}
}

func TestAListWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	m, server := minterOf(t, describe(t, "minter.yaml"), providertest.Answer{})
	_, err := m.Identities(t.Context(), "example.com", label.Owner, func(context.Context) error { return context.Canceled })
	if err == nil || len(server.Sent()) != 0 {
		t.Errorf("%v after %d calls", err, len(server.Sent()))
	}
}

// unlabelled are the edits that make a minter one whose identities carry no label.
var unlabelled = []string{
	"json: {name: \"${label}\"}", "json: {}", ", name: {is: \"${label}\"}", "", "  label: name\n", "", ", echo: {name: \"${label}\"}", "",
	", means: success, lists: [c-1]", ", means: success, lists: [c-0, c-1]", `{"name":"kt-example-0a1b2c3d-1"}`, "{}",
}

// Without a label all identities of a target are the credential's, but the key that the account calls with.
func TestWithoutALabelAllAreListed(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml", unlabelled...)
	if d.Provider().Overlaps.CheckOwner != nil {
		t.Error("an owner is asked for")
	}
	report := d.Check(t.Context())
	for _, one := range append(report.Failed, report.Uncovered...) {
		t.Error(one)
	}
	if got, err := listed(t, d, "", `{"credentials": [{"id": "c-1"}, {"id": "TOKEN"}, {"id": "c-2"}]}`); err != nil || !slices.Equal(got, []string{"c-1", "c-2"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheKeyOfTheAccountIsNotRetired(t *testing.T) {
	t.Parallel()
	p := describe(t, "minter.yaml").Provider()
	server := providertest.Serve(t, providertest.Answer{Status: 204})
	settings := server.Settings(p, "")
	settings.Keys = map[string]secret.Value{"token": secret.New("SG.the-id.the-secret")}
	c, err := p.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"the-id", "SG", "the-secret", "", "..", "a/b", "a b"} {
		_ = providertest.CheckKind(t, c.Minter.Retire(t.Context(), "example.com", id), rotation.Target)
	}
	if sent := server.Sent(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
	if err := c.Minter.Retire(t.Context(), "example.com", "the"); err != nil {
		t.Error(err)
	}
}

func TestWhatIsRetiredIsProven(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml")
	for status, body := range map[int]string{200: "", 204 + 1: "", 202: `{"id": "c-1"}`, 404: "404 page not found", 500: "", 302: ""} {
		m, _ := minterOf(t, d, providertest.Answer{Status: status, Body: body})
		_ = providertest.CheckKind(t, m.Retire(t.Context(), "example.com", "c-1"), rotation.InDoubt)
	}
}

func TestAMintedAnswerThatCannotBeReadIsInDoubt(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml")
	minted := func(t *testing.T, answer providertest.Answer) error {
		t.Helper()
		_, err := mint(t, d, answer)
		return err
	}
	asked := func(t *testing.T, answer providertest.Answer) error {
		t.Helper()
		m, _ := minterOf(t, d, answer)
		_, err := m.Identities(t.Context(), "example.com", label.Owner, atOnce)
		return err
	}
	for _, call := range []providertest.Call{minted, asked} {
		providertest.CheckMalformed(t, call)
		providertest.CheckThrottled(t, call)
	}
}

func TestAFaultDoesNotSayThatAnIdentityIsGone(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml", "{call: retire, status: 404, kind: gone,", "{call: retire, code: unknown, kind: gone,")
	for status, gone := range map[int]bool{http.StatusNotFound: true, http.StatusInternalServerError: false} {
		m, _ := minterOf(t, d, providertest.Answer{Status: status, Body: `{"error": "unknown"}`})
		if err := m.Retire(t.Context(), "example.com", "c-1"); (err == nil) != gone {
			t.Errorf("HTTP %d: %v", status, err)
		}
	}
}
