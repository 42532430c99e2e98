package declared

import (
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// numbered are the edits that send a part of the target as a number.
var numbered = []string{`json: {password: "${password}"}`, `json: {id: "${target.login}", password: "${password}"}` + "\n  numbers: [id]"}

func TestAPartOfATargetIsWrittenAsANumber(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", numbered...)
	for target, want := range map[string]string{
		"7@example.com": `{"id":7,"password":"Secret-1-Pass"}`, "0@example.com": `{"id":0,`, "100013065917@example.com": `{"id":100013065917,`,
		"07@example.com": "", "a@example.com": "", "1e5@example.com": "", "1234567890123456@example.com": "",
	} {
		p, server := d.Provider(), providertest.Serve(t, providertest.Answer{Body: `{"status": "ok"}`})
		c, err := p.New(server.Settings(p, ""))
		if err != nil {
			t.Fatal(err)
		}
		err = c.Setter.Set(t.Context(), target, secret.New("Secret-1-Pass"))
		switch sent := server.Sent(); {
		case want == "":
			if err == nil || rotation.AsError(err).Kind != rotation.Target || len(sent) != 0 || !strings.Contains(err.Error(), errNumber.Error()) {
				t.Errorf("%s: %v, sent %q", target, err, sent)
			}
		case err != nil || !strings.Contains(sent[0], want):
			t.Errorf("%s: %v, sent %q, want %s", target, err, sent, want)
		}
	}
}

func TestOnlyATargetIsANumber(t *testing.T) {
	t.Parallel()
	good := edit(t, source(t, "setter.yaml"), numbered...)
	for old, want := range map[string]string{
		"numbers: [other]":    "set.numbers[0]: is no member of json that is ${target} or a part of it",
		"numbers: [password]": "set.numbers[0]: is no member of json that is ${target} or a part of it",
		"numbers: [[id]]":     "set.numbers[0]: must be",
		"numbers: id":         "set.numbers: must be a list",
	} {
		if _, err := Read("p.yaml", []byte(edit(t, good, "numbers: [id]", old))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got\n%v\nwant\n%s", old, err, want)
		}
	}
	for _, value := range []string{`"1${target.login}"`, `"${target.login}${target.domain}"`, "7", "[7]", `{a: "${target}"}`} {
		if _, err := Read("p.yaml", []byte(edit(t, good, `id: "${target.login}"`, "id: "+value))); err == nil || !strings.Contains(err.Error(), "is no member of json") {
			t.Errorf("%s: got\n%v", value, err)
		}
	}
	if _, err := Read("p.yaml", []byte(edit(t, source(t, "setter.yaml"), `json: {password: "${password}"}`, `form: {id: "${target}", password: "${password}"}`+"\n  numbers: [id]"))); err == nil || !strings.Contains(err.Error(), "is no member of json") {
		t.Errorf("a form: got\n%v", err)
	}
}
