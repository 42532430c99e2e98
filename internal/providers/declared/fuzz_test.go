package declared

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/config/document"
	"keyturn/internal/rotation"
)

// FuzzRead reads every text: it is refused with places, or it is a provider that keeps the rules.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"setter.yaml", "issuer.yaml", "minter.yaml"} {
		f.Add(source(f, name))
	}
	for _, test := range bad {
		f.Add(edit(f, source(f, "setter.yaml"), test.old, test.new))
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Read("p.yaml", []byte(text), "tencent-ses")
		if err != nil {
			if all := (*document.Errors)(nil); !errors.As(err, &all) || all.Total == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		for _, row := range d.Provider().Errors {
			if slices.Contains([]rotation.Kind{rotation.NotSent, rotation.Unavailable}, row.Kind) ||
				row.Kind == rotation.Full && d.mode != rotation.ModeMinter || row.Kind == rotation.ClockSkew && !d.call.answer.signed {
				t.Errorf("a row of kind %q", row.Kind)
			}
		}
		target := d.examples.requests[0].target
		one, err := d.target.canonical(target)
		if again, errAgain := d.target.canonical(one); err != nil || errAgain != nil || again != one {
			t.Errorf("%q is spelled %q, and that %q: %v", target, one, again, errors.Join(err, errAgain))
		}
		_ = d.Check(context.Background())
	})
}

// FuzzInterpret lets a setter, an issuer and a minter read every answer: what is no success by status and body is an error, a 5xx is
// in doubt or a limit, and no error shows what was sent.
func FuzzInterpret(f *testing.F) {
	const password = "Secret-1-Pass"
	for _, name := range []string{"setter.yaml", "issuer.yaml", "minter.yaml"} {
		for _, one := range describe(f, name).examples.answers {
			f.Add(one.status, "", one.body)
		}
	}
	for _, one := range odd() {
		f.Add(one.told.status, "30", one.told.body)
	}
	f.Add(503, password, `{"status": "`+password+`", "error": {"code": "`+password+`"}, "id": "TOKEN"}`)
	setter, issuer, minter := describe(f, "setter.yaml"), describe(f, "issuer.yaml"), describe(f, "minter.yaml")
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		answer := told{status: 200 + (status%400+400)%400, body: body, headers: map[string]string{"Retry-After": header, "Location": header}}
		_, _, err := setter.play(t.Context(), sent{target: "a@example.com", password: password}, answer)
		_, issued, issueErr := issuer.play(t.Context(), sent{target: guid}, answer)
		if err == nil && (answer.status != 200 || !strings.Contains(body, "ok")) {
			t.Errorf("%d %q passes for a success", answer.status, body)
		}
		if issueErr == nil && (answer.status > 299 || issued.Password.IsZero()) {
			t.Errorf("%d %q passes for an issue", answer.status, body)
		}
		all := []error{err, issueErr}
		for _, call := range minter.calls() {
			_, made, err := minter.play(t.Context(), *minter.example(call), answer)
			if err == nil && (answer.status > 299 && (call != CallRetire || answer.status != 404) || call == CallMint && (made.ID == "" || made.Password.IsZero())) {
				t.Errorf("%d %q passes for a %s", answer.status, body, call)
			}
			all = append(all, err)
		}
		for _, err := range all {
			if err == nil {
				continue
			}
			e := rotation.AsError(err)
			if answer.status >= 500 && e.Kind != rotation.InDoubt && e.Kind != rotation.RateLimited || e.Provider != "example" {
				t.Errorf("%d: %v", answer.status, err)
			}
			for _, part := range []string{password, "https://", "TOKEN"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error shows %q: %v", part, err)
				}
			}
		}
	})
}
