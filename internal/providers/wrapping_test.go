package providers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/providers"
	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
)

// shows says where an issuer's documented answer stands, and what it calls the password in it.
var shows = map[string]struct{ fixture, field, synced string }{
	"kirimemail": {"reset.json", "new_password", `"remote_synced": true`},
}

func TestAPasswordThatAnIssuerShowsIsKeptInEveryWrapping(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		if p.Mode != rotation.ModeIssuer {
			continue
		}
		t.Run(p.Code, func(t *testing.T) {
			t.Parallel()
			s, ok := shows[p.Code]
			if !ok {
				t.Fatal("every issuer has a line in the table above")
			}
			for _, w := range providertest.Wrappings() {
				t.Run(w.Name, func(t *testing.T) {
					t.Parallel()
					answer := w.Wrap(documented(t, p, s.fixture), s.field, providertest.Password)
					if got := fate(issue(t, p, answer)); got != w.Fate {
						t.Errorf("the password is %q, want %q", got, w.Fate)
					}
				})
			}
		})
	}
}

func TestASyncThatIsSpelledOddlyIsASync(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		s, ok := shows[p.Code]
		if !ok {
			continue
		}
		body := documented(t, p, s.fixture)
		name, _, _ := strings.Cut(s.synced, ":")
		for value, want := range map[string]providertest.Fate{
			`1`: providertest.Kept, `"1"`: providertest.Kept, `"true"`: providertest.Kept, `"TRUE"`: providertest.Kept,
			`"yes"`: providertest.Kept, `"on"`: providertest.Kept,
			`0`: providertest.Unproven, `"0"`: providertest.Unproven, `false`: providertest.Unproven, `"false"`: providertest.Unproven,
			`null`: providertest.Unproven, `""`: providertest.Unproven, `2`: providertest.Unproven, `"soon"`: providertest.Unproven,
			`{}`: providertest.Unproven, `[]`: providertest.Unproven,
		} {
			answer := providertest.Answer{Body: strings.Replace(body, s.synced, name+": "+value, 1)}
			if got := fate(issue(t, p, answer)); got != want {
				t.Errorf("%s: %s: the password is %q, want %q", p.Code, value, got, want)
			}
		}
		answer := providertest.Answer{Body: strings.Replace(body, s.synced, `"unrelated": true`, 1)}
		if got := fate(issue(t, p, answer)); got != providertest.Unproven {
			t.Errorf("%s: without the field the password is %q", p.Code, got)
		}
	}
}

func TestAPasswordThatAnErrorShowsComesBesideTheError(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		s, ok := shows[p.Code]
		if !ok {
			continue
		}
		issued, err := issue(t, p, providertest.Answer{Status: 500, Body: documented(t, p, s.fixture)})
		providertest.CheckKind(t, err, rotation.InDoubt)
		if issued.Password.Reveal() != providertest.Password {
			t.Errorf("%s: the password is not there", p.Code)
		}
	}
}

func TestTheTableOfWrappingsIsTheOneThatIsTested(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| wrapping | the password is |\n| --- | --- |\n")
	for _, w := range providertest.Wrappings() {
		fmt.Fprintf(&b, "| %s | %s |\n", w.Name, w.Fate)
	}
	checkPage(t, "wrappings.md", b.String())
}

func documented(t *testing.T, p rotation.Provider, fixture string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(strings.ReplaceAll(p.Code, "-", ""), "testdata", fixture))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func issue(t *testing.T, p rotation.Provider, answer providertest.Answer) (rotation.Issued, error) {
	t.Helper()
	c, err := p.New(providertest.Serve(t, answer).Settings(p, ""))
	if err != nil {
		t.Fatal(err)
	}
	return c.Issuer.Issue(t.Context(), canaryTargets[p.Code])
}

func fate(issued rotation.Issued, err error) providertest.Fate {
	switch {
	case err != nil && issued.Password.IsZero():
		return providertest.Lost
	case err != nil || issued.Password.Reveal() != providertest.Password:
		return "neither kept nor lost"
	case issued.Synced:
		return providertest.Kept
	}
	return providertest.Unproven
}
