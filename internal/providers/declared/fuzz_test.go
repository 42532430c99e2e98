package declared

import (
	"context"
	"errors"
	"reflect"
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

// lowest is the status of the seed 0.
const lowest = 200

// statusOf makes a status of a final answer of any number.
func statusOf(seed int) int { return lowest + (seed%400+400)%400 }

// FuzzMinter lets a minter with labels, one without, one that disables first, and one that answers in XML read every answer
// to each of their calls. What is shown is an identity that can be retired, and none of another label; a list names whole
// ids, and never the key of the account; a retirement is a success by its own status alone, or because there is no such
// identity.
func FuzzMinter(f *testing.F) {
	labelled, bare := describe(f, "minter.yaml"), describe(f, "minter.yaml", unlabelled...)
	all := []*Description{labelled, bare, describe(f, "minter.yaml", disabling...)}
	for _, d := range Embedded() {
		if d.mode == rotation.ModeMinter && strings.HasPrefix(d.examples.answers[0].body, "<") {
			all = append(all, d)
		}
	}
	if len(all) < 4 {
		f.Fatal("no minter answers in XML")
	}
	for _, d := range all {
		for _, one := range d.examples.answers {
			f.Add(one.status-lowest, "", one.body)
		}
	}
	for _, one := range odd() {
		f.Add(one.told.status-lowest, "30", one.told.body)
	}
	f.Add(201-lowest, "", `{"id": "TOKEN", "name": "`+ExampleLabel()+`", "password": "TOKEN"}`)
	f.Add(200-lowest, "", `{"credentials": [{"id": "TOKEN", "name": "`+ExampleLabel()+`"}, {"id": "..", "name": "`+ExampleLabel()+`"}]}`)
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		answer := told{status: statusOf(status), body: body, headers: map[string]string{"Retry-After": header, "Date": header}}
		for _, d := range all {
			for _, call := range d.calls() {
				c, out, err := d.play(t.Context(), *d.example(call), answer)
				checkMinter(t, d, call, answer, out, err)
				if err != nil {
					checkError(t, d, c, answer, out, err)
				}
			}
		}
	})
}

func checkMinter(t *testing.T, d *Description, call string, answer told, out outcome, err error) {
	t.Helper()
	o := &d.operation(call).answer
	whole := out.ID != "" && out.Username != "" && !out.Password.IsZero()
	switch {
	case call == CallMint && (whole != (out.ID != "") || whole && !isID(out.ID)):
		t.Errorf("%d %q shows half an identity: %q of %q", answer.status, answer.body, out.ID, out.Username)
	case call == CallMint && err == nil && (!whole || answer.status > 299):
		t.Errorf("%d %q passes for an identity", answer.status, answer.body)
	case call != CallList && len(out.IDs) > 0, err != nil && len(out.IDs) > 0:
		t.Errorf("%d %q lists %q beside %v", answer.status, answer.body, out.IDs, err)
	case call == CallList && err == nil && !slices.Contains(o.statuses, answer.status):
		t.Errorf("%d %q passes for a list", answer.status, answer.body)
	case aboutOne(call) && err == nil && !slices.Contains(o.statuses, answer.status) && o.read(answer.status, []byte(answer.body), values{}).row == nil:
		t.Errorf("%d %q passes for a retirement", answer.status, answer.body)
	}
	for _, id := range out.IDs {
		if !isID(id) || slices.Contains(d.keys, strings.ToLower(id)) {
			t.Errorf("%q is listed of %q", id, answer.body)
		}
	}
}

// checkError holds an error to what it may say.
func checkError(t *testing.T, d *Description, c *canned, answer told, out outcome, err error) {
	t.Helper()
	e := rotation.AsError(err)
	if answer.status >= 500 && e.Kind != rotation.InDoubt && e.Kind != rotation.RateLimited || e.Provider != d.Code || c.sent == nil {
		t.Errorf("%d: %v", answer.status, err)
	}
	const short = 8 // a shorter one may stand in any text
	if password := out.Password.Reveal(); len(password) >= short && strings.Contains(err.Error(), password) {
		t.Errorf("the error shows the password: %v", err)
	}
	for _, part := range []string{"https://", "TOKEN", "SECRET_ACCESS_KEY"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("the error shows %q: %v", part, err)
		}
	}
}

// FuzzApart takes every list apart: put together again it is the same list, and no text ends a stand-in.
func FuzzApart(f *testing.F) {
	for _, body := range []string{
		`{"credentials": [{"id": "c-0"}, {"id": "c-1", "x": [1, "]"]}]}`, `{"a": {"credentials": []}, "credentials": [ 1 , 2 ] }`, `{"credentials": null}`, `[{}]`,
		"<credentials><x/><member>1</member><member><member>2</member></member></credentials>", "<credentials/>",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if list, items := cutJSON(body, path{"credentials"}); len(items) > 0 {
			joined, err := decodeJSON([]byte(list.Before + strings.Join(items, list.Between) + list.After))
			if was, errWas := decodeJSON([]byte(body)); errWas == nil && (err != nil || !reflect.DeepEqual(was, joined)) {
				t.Errorf("%q becomes %q: %v", body, joined, err)
			}
		}
		if list, items := cutXML(body, path{"credentials", "member"}); len(items) > 0 {
			if !strings.HasPrefix(body, list.Before) || !strings.HasSuffix(body, list.After) || !strings.Contains(body, items[0]) {
				t.Errorf("%q is taken apart as %+v, %q", body, list, items)
			}
		}
	})
}

// FuzzInterpret lets a setter, an issuer and a minter read every answer: what is no success by status and body is an error, a 5xx is
// in doubt or a limit, and no error shows what was sent.
func FuzzInterpret(f *testing.F) {
	const password = "Secret-1-Pass"
	for _, name := range []string{"setter.yaml", "issuer.yaml", "minter.yaml"} {
		for _, one := range describe(f, name).examples.answers {
			f.Add(one.status-lowest, "", one.body)
		}
	}
	for _, one := range odd() {
		f.Add(one.told.status-lowest, "30", one.told.body)
	}
	f.Add(503-lowest, password, `{"status": "`+password+`", "error": {"code": "`+password+`"}, "id": "TOKEN"}`)
	setter, issuer, minter := describe(f, "setter.yaml"), describe(f, "issuer.yaml"), describe(f, "minter.yaml")
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		answer := told{status: statusOf(status), body: body, headers: map[string]string{"Retry-After": header, "Location": header}}
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
