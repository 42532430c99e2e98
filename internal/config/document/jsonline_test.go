package document

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzJSONLine compares the parser with encoding/json.
func FuzzJSONLine(f *testing.F) {
	for _, line := range []string{
		`{"id":"a","account":"tencent","target":"a@example.com","path":"a"}`,
		`{"id":"a","schedule":{"every":"7d","days":["mon"]},"verify":{"smtp":{"address":"a:1"}},"first":null,"x":[1,-0.5e+3,true]}`,
		`{"\u0069d":"\ud83d\ude00\ud800\\\"\/\b\f\n\r\t"}`, `[[[[]]]]`, `01`, `"`, `{"a":1,}`, `nul`, ` `,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p := jsonLine{file: (&Problems{}).Open("a.jsonl")}
		v, ok := p.parse(line, 1)
		nested := strings.Count(line, "[")+strings.Count(line, "{") > maxDepth
		if want := json.Valid([]byte(line)) && utf8.ValidString(line); ok != want && !nested {
			t.Fatalf("%q: accepted %t, encoding/json %t", line, ok, want)
		}
		if !ok {
			return
		}
		var want any
		if err := json.Unmarshal([]byte(line), &want); err == nil {
			same(t, v, want)
		}
	})
}

// same compares a value with what encoding/json made of it; of repeated keys that keeps the last.
func same(t *testing.T, v *Value, want any) {
	t.Helper()
	switch want := want.(type) {
	case string:
		if v.Kind() != Text || v.Raw() != want {
			t.Errorf("got %v %q, want %q", v.Kind(), v.Raw(), want)
		}
	case []any:
		if v.Kind() != List || len(v.Children()) != len(want) {
			t.Fatalf("got %v of %d, want a list of %d", v.Kind(), len(v.Children()), len(want))
		}
		for i, item := range want {
			same(t, v.Children()[i], item)
		}
	case map[string]any:
		last := map[string]*Value{}
		for _, child := range v.Children() {
			last[child.Name()] = child
		}
		if v.Kind() != Object || len(last) != len(want) {
			t.Fatalf("got %v of %d, want a map of %d", v.Kind(), len(last), len(want))
		}
		for name, item := range want {
			same(t, last[name], item)
		}
	}
}
