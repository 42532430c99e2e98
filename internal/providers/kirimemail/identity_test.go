package kirimemail

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
)

const made = "92703823-f3a4-48e2-8e87-7adf25454801"

var label = rotation.Label{Owner: "8c1f20a94e", Part: "7d3a9b01-1"}

func mint(t *testing.T, answer providertest.Answer) (rotation.Identity, error) {
	t.Helper()
	return testClient(t, providertest.Serve(t, answer)).Minter.Mint(t.Context(), "example.com", label)
}

func TestMintSendsALabelAndReadsTheCredential(t *testing.T) {
	t.Parallel()
	server := providertest.Serve(t, providertest.Answer{Status: http.StatusCreated, Body: providertest.Fixture(t, "create.json")})
	got, err := testClient(t, server).Minter.Mint(t.Context(), "example.com", label)
	if err != nil || got.ID != made || got.Username != "kt-8c1f20a94e-7d3a9b01-1@example.com" || !got.Synced ||
		got.Password.Reveal() != "new-generated-password" {
		t.Errorf("id %q, user name %q, synced %v, %v", got.ID, got.Username, got.Synced, err)
	}
	providertest.CheckSent(t, server, "create.request")
}

// A credential that cannot be retired by its GUID is of no use: the list has it.
func TestACredentialThatWasMadeIsInDoubtWithoutItsGUID(t *testing.T) {
	t.Parallel()
	whole := providertest.Fixture(t, "create.json")
	for name, body := range map[string]string{
		"no GUID":     strings.Replace(whole, "user_smtp_guid", "guid", 1),
		"another":     strings.Replace(whole, "kt-8c1f20a94e-7d3a9b01-1", "myuser", 1),
		"no password": strings.Replace(whole, `"password"`, `"pass"`, 1),
		"no success":  strings.Replace(whole, `"success": true`, `"success": false`, 1),
		"half":        whole[:len(whole)/3],
		"nothing":     "",
	} {
		got, err := mint(t, providertest.Answer{Status: http.StatusCreated, Body: body})
		if kind := rotation.AsError(err).Kind; name != "no success" && (err == nil || kind != rotation.InDoubt || got.ID != "") {
			t.Errorf("%s: %+v, %v", name, kind, err)
		}
		if name == "no success" && got.Synced {
			t.Errorf("%s: synced", name)
		}
	}
}

func TestEachRefusalOfACreationHasItsKind(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]rotation.Kind{
		http.StatusUnprocessableEntity: rotation.Full, http.StatusUnauthorized: rotation.Unauthorized, http.StatusNotFound: rotation.Target,
		http.StatusTooManyRequests: rotation.RateLimited, http.StatusInternalServerError: rotation.InDoubt, http.StatusTeapot: rotation.InDoubt,
	} {
		_, err := mint(t, providertest.Answer{Status: status, Body: `{"success": false, "message": "new-generated-password"}`})
		if got := rotation.AsError(err).Kind; err == nil || got != want || strings.Contains(err.Error(), "new-generated") {
			t.Errorf("HTTP %d: %v, want %v", status, err, want)
		}
	}
}

func TestIdentitiesAreThoseOfTheLabel(t *testing.T) {
	t.Parallel()
	body := `{"success": true, "data": [
		{"user_smtp_guid": "` + guid + `", "username": "myuser"},
		{"user_smtp_guid": "` + strings.ToUpper(made) + `", "username": "KT-8c1f20a94e-1-1"},
		{"user_smtp_guid": "92703823-f3a4-48e2-8e87-7adf25454802", "username": "kt-8c1f20a94e0-1-1"},
		{"user_smtp_guid": "92703823-f3a4-48e2-8e87-7adf25454803", "username": "kt-8c1f20a94e-x-1-1@example.com"}]}`
	for owner, want := range map[string][]string{
		"8c1f20a94e": {made}, "8c1f20a94": nil, "8c1f20a94e-x": {"92703823-f3a4-48e2-8e87-7adf25454803"},
		"": {guid, made, "92703823-f3a4-48e2-8e87-7adf25454802", "92703823-f3a4-48e2-8e87-7adf25454803"},
	} {
		got, err := testClient(t, providertest.Serve(t, providertest.Answer{Body: body})).Minter.Identities(t.Context(), "example.com", owner, atOnce)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", owner, got, err)
		}
	}
}

func TestWhatIsGoneIsRetired(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer providertest.Answer
		want   rotation.Kind
		gone   bool
	}{
		"deleted":      {providertest.Answer{Body: `{"success": true, "message": "Credential deleted successfully."}`}, 0, true},
		"not found":    {providertest.Answer{Status: http.StatusNotFound, Body: `{"success": false}`}, 0, true},
		"other domain": {providertest.Answer{Status: http.StatusForbidden, Body: `{"success": false}`}, rotation.Target, false},
		"no success":   {providertest.Answer{Body: `{"success": false}`}, rotation.InDoubt, false},
		"unreadable":   {providertest.Answer{Body: `<html>`}, rotation.InDoubt, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := providertest.Serve(t, test.answer)
			err := testClient(t, server).Minter.Retire(t.Context(), "example.com", made)
			var e *rotation.Error
			if test.gone != (err == nil) || !test.gone && (!errors.As(err, &e) || e.Kind != test.want) {
				t.Errorf("%v", err)
			}
			providertest.CheckSent(t, server, "delete.request")
		})
	}
}

func TestAnOverlapHasADomainAndALabel(t *testing.T) {
	t.Parallel()
	rules := Provider().Overlaps
	if got, err := rules.CheckTarget(" Example.COM "); err != nil || got != "example.com" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", target, "a b", "example.com/x"} {
		if _, err := rules.CheckTarget(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, bad := range []string{"", "-a", "a-", "A", "a_b", strings.Repeat("a", 25)} {
		if rules.CheckOwner(bad) == nil {
			t.Errorf("label %q is taken", bad)
		}
	}
}

func TestAListWithoutGUIDsIsNotBelieved(t *testing.T) {
	t.Parallel()
	body := `{"success": true, "data": [{"user_smtp_guid": "..", "username": "kt-8c1f20a94e-1-1"}]}`
	server := providertest.Serve(t, providertest.Answer{Body: body})
	m := testClient(t, server).Minter
	if ids, err := m.Identities(t.Context(), "example.com", "8c1f20a94e", atOnce); err == nil {
		t.Errorf("%q", ids)
	}
	if err := m.Retire(t.Context(), "example.com", ".."); err == nil || len(server.Sent()) != 1 {
		t.Errorf("%v after %d calls", err, len(server.Sent()))
	}
}
