package declared

import (
	"reflect"
	"strings"
	"testing"
)

func TestXMLIsATreeOfElements(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]tree{
		`<a/>`:                             map[string]tree{"a": ""},
		`<a>1</a>`:                         map[string]tree{"a": "1"},
		`<?xml version="1.0"?><a> 1 </a>`:  map[string]tree{"a": "1"},
		"\ufeff<a>\n <b>1</b>\n</a>\n\x00": map[string]tree{"a": map[string]tree{"b": "1"}},
		`<x:a xmlns:x="u"><x:b>&amp;</x:b></x:a>`: map[string]tree{"a": map[string]tree{"b": "&"}},
		`<a><b>1</b><c/><b>2</b></a>`:             map[string]tree{"a": map[string]tree{"b": []tree{"1", "2"}, "c": ""}},
		`<a><b><c>1</c></b><b/></a>`:              map[string]tree{"a": map[string]tree{"b": []tree{map[string]tree{"c": "1"}, ""}}},
		`<a><!-- no --><b><![CDATA[<]]></b></a>`:  map[string]tree{"a": map[string]tree{"b": "<"}},
	} {
		if got, err := decodeXML([]byte(body)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, %v; want %v", body, got, err, want)
		}
	}
	for _, body := range []string{
		``, `no`, `{"a": 1}`, `<a>`, `<a></b>`, `<a/><a/>`, `<a/>text`, `text<a/>`, `<a>text<b/></a>`, `<a><b/>text</a>`, `<a b=1/>`,
		strings.Repeat(`<a>`, deepest+1) + strings.Repeat(`</a>`, deepest+1), `<html><body><p>blocked<br></body></html>`,
	} {
		if got, err := decodeXML([]byte(body)); err == nil {
			t.Errorf("%s is %v", body, got)
		}
	}
}

func TestATextIsTheWholeAnswer(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", "  whole: status\n  success: {status: 200, body: {status: {is: ok}}}\n  code: error.code",
		"  decoder: text\n  whole: text\n  success: {status: 200, body: {text: {in: [OK, Done.]}}}\n  code: text")
	for body, want := range map[string]string{
		"OK": "", " OK\r\n": "", "Done.": "", "same": "repeat", "slow down": "rate limited", "ok": "in doubt", "OK OK": "in doubt", "": "in doubt", `"OK"`: "in doubt",
		"<html>OK</html>": "in doubt",
	} {
		if got := kindOf(set(t, d, answering(200, body))); got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}

// A list of XML is as many elements as there are, if what they stand in is there.
func TestAListOfXMLMayBeEmpty(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml", "  whole: [id, credentials, error]\n  code: error", "  decoder: xml\n  whole: [a, error]\n  code: error", "items: credentials", "items: a.all.one")
	const one = `<one><id>c-1</id><name>` + labelled + `</name></one>`
	for body, want := range map[string]int{
		`<a><all/></a>`: 0, `<a><all>` + one + `</all></a>`: 1, `<a><all>` + one + one + `</all></a>`: 2, `<a><all><other/></all></a>`: 0,
		`<a/>`: -1, `<a><b/></a>`: -1, `<a><all>text</all></a>`: -1, `<a><all/><all/></a>`: -1, `<a><all><one><name>` + labelled + `</name></one></all></a>`: -1, `<a><all>` + one: -1,
	} {
		ids, err := listed(t, d, label.Owner, body)
		if err == nil && len(ids) != want || err != nil && want >= 0 {
			t.Errorf("%s: %q, %v", body, ids, err)
		}
	}
}
