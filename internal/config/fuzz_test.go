package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"keyturn/internal/providers"
	"keyturn/internal/rotation"
)

// fuzzLoader returns a loader with the accounts of a small configuration.
func fuzzLoader(t testing.TB) (*loader, *document) {
	t.Helper()
	l := newLoader("keyturn.yaml", providers.All(), &Config{})
	doc := l.open("keyturn.yaml")
	l.main(parseRoot(doc, []byte(`{redis: {address: "localhost:6379"}, vault: {address: "https://vault:8200", auth: {token: {env: A}}},
accounts: {tencent: {provider: tencent-ses, keys: {secret_id: {env: A}, secret_key: {env: B}}}}, defaults: {schedule: {every: 30d}}}`)))
	if err := l.problems.err(); err != nil {
		t.Fatal(err)
	}
	return l, doc
}

// fresh returns a loader with the same settings and no credentials.
func (l *loader) fresh() *loader {
	copied, cfg := *l, *l.cfg
	cfg.credentials = inventory{}
	copied.cfg, copied.problems, copied.targets, copied.places = &cfg, &problems{}, index{}, index{}
	return &copied
}

// check holds what is true of every load, good or bad.
func check(t *testing.T, l *loader) {
	t.Helper()
	if err := l.problems.err(); err != nil {
		for _, e := range l.problems.list {
			if e.File == "" || e.Message == "" || e.Line < 0 {
				t.Errorf("incomplete error %+v", e)
			}
		}
		return
	}
	for c := range l.cfg.Credentials() {
		if c.ID == "" || c.Target == "" || c.Place.Path == "" || c.Place.Store == "" || c.Schedule == nil || c.Verify == nil {
			t.Errorf("incomplete credential %+v", c)
		}
		account := l.cfg.Accounts[c.Account]
		if account == nil || (account.Provider.Mode == rotation.ModeSetter) != (c.Policy != nil) {
			t.Errorf("credential %+v does not fit its account", c)
		}
		if found, ok := l.cfg.Credential(c.ID); !ok || found != c {
			t.Errorf("%q is not found", c.ID)
		}
	}
	l.cfg.sum()
}

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "../../keyturn.example.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := newLoader("keyturn.yaml", providers.All(), &Config{})
		if root := parseRoot(l.open("keyturn.yaml"), data); root != nil {
			if i := root.child("include"); i != nil {
				i.kind = null // no files
			}
			l.main(root)
		}
		check(t, l)
	})
}

// FuzzJSONLine also compares the parser with encoding/json.
func FuzzJSONLine(f *testing.F) {
	for _, line := range []string{
		`{"id":"a","account":"tencent","target":"a@example.com","path":"a"}`,
		`{"id":"a","schedule":{"every":"7d","days":["mon"]},"verify":{"smtp":{"address":"a:1"}},"first":null,"x":[1,-0.5e+3,true]}`,
		`{"\u0069d":"\ud83d\ude00\ud800\\\"\/\b\f\n\r\t"}`, `[[[[]]]]`, `01`, `"`, `{"a":1,}`, `nul`, ` `,
	} {
		f.Add(line)
	}
	l, doc := fuzzLoader(f)
	f.Fuzz(func(t *testing.T, line string) {
		quiet := &document{file: "a.jsonl", problems: &problems{}}
		p := jsonLine{doc: quiet}
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
		fresh := l.fresh()
		p.doc = &document{file: doc.file, problems: fresh.problems}
		if v, ok := p.parse(line, 1); ok {
			fresh.credential(v)
		}
		check(t, fresh)
	})
}

// same compares a value with what encoding/json made of it; of repeated keys that keeps the last.
func same(t *testing.T, v *value, want any) {
	t.Helper()
	switch want := want.(type) {
	case string:
		if v.kind != text || v.text != want {
			t.Errorf("got %v %q, want %q", v.kind, v.text, want)
		}
	case []any:
		if v.kind != list || len(v.children) != len(want) {
			t.Fatalf("got %v of %d, want a list of %d", v.kind, len(v.children), len(want))
		}
		for i, item := range want {
			same(t, v.children[i], item)
		}
	case map[string]any:
		last := map[string]*value{}
		for _, child := range v.children {
			last[child.name] = child
		}
		if v.kind != object || len(last) != len(want) {
			t.Fatalf("got %v of %d, want a map of %d", v.kind, len(last), len(want))
		}
		for name, item := range want {
			same(t, last[name], item)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("id,account,target,path\na,tencent,a@example.com,a\n")
	f.Add("\ufeffid, path\n\"a\nb\",\n\n,x")
	l, _ := fuzzLoader(f)
	f.Fuzz(func(t *testing.T, data string) {
		fresh := l.fresh()
		fresh.csvFile(&document{file: "a.csv", problems: fresh.problems}, strings.NewReader(data))
		check(t, fresh)
	})
}
