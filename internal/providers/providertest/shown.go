package providertest

import (
	"strings"
	"testing"

	"keyturn/internal/rotation"
)

// Shown says where an issuer's documented answer stands, and what it calls the password in it.
type Shown struct {
	Fixture string // shows Password
	Field   string // of the password
	Synced  string // the field that says that the password is live: `"name": true`
}

// CheckShown holds an issuer to what it makes of a password that an answer shows, however that is wrapped.
func CheckShown(t *testing.T, p rotation.Provider, target string, s Shown) {
	t.Helper()
	body := Fixture(t, s.Fixture)
	issue := func(t *testing.T, answer Answer) (rotation.Issued, error) {
		t.Helper()
		c, err := p.New(Serve(t, answer).Settings(p, ""))
		if err != nil {
			t.Fatal(err)
		}
		return c.Issuer.Issue(t.Context(), target)
	}
	t.Run("it is kept in every wrapping", func(t *testing.T) {
		t.Parallel()
		for _, w := range Wrappings() {
			t.Run(w.Name, func(t *testing.T) {
				t.Parallel()
				if got := fate(issue(t, w.Wrap(body, s.Field, Password))); got != w.Fate {
					t.Errorf("the password is %q, want %q", got, w.Fate)
				}
			})
		}
	})
	t.Run("a sync that is spelled oddly is a sync", func(t *testing.T) {
		t.Parallel()
		name, _, _ := strings.Cut(s.Synced, ":")
		for value, want := range map[string]Fate{
			`1`: Kept, `"1"`: Kept, `"true"`: Kept, `"TRUE"`: Kept, `"yes"`: Kept, `"on"`: Kept,
			`0`: Unproven, `"0"`: Unproven, `false`: Unproven, `"false"`: Unproven, `null`: Unproven, `""`: Unproven,
			`2`: Unproven, `"soon"`: Unproven, `{}`: Unproven, `[]`: Unproven,
		} {
			if got := fate(issue(t, Answer{Body: strings.Replace(body, s.Synced, name+": "+value, 1)})); got != want {
				t.Errorf("%s: the password is %q, want %q", value, got, want)
			}
		}
		if got := fate(issue(t, Answer{Body: strings.Replace(body, s.Synced, `"unrelated": true`, 1)})); got != Unproven {
			t.Errorf("without the field the password is %q", got)
		}
	})
	t.Run("it comes beside an error", func(t *testing.T) {
		t.Parallel()
		issued, err := issue(t, Answer{Status: 500, Body: body})
		_ = CheckKind(t, err, rotation.InDoubt)
		if issued.Password.Reveal() != Password {
			t.Error("the password is not there")
		}
	})
}

func fate(issued rotation.Issued, err error) Fate {
	switch {
	case err != nil && issued.Password.IsZero():
		return Lost
	case err != nil || issued.Password.Reveal() != Password:
		return "neither kept nor lost"
	case issued.Synced:
		return Kept
	}
	return Unproven
}
