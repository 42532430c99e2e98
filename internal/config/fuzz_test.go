package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config/document"
	"keyturn/internal/config/inventory"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
)

// fuzzLoader returns a loader with the accounts of a small configuration.
func fuzzLoader(t testing.TB) *loader {
	t.Helper()
	l := newLoader("keyturn.yaml", providers.All(), &Config{})
	l.main(readYAML(l.open("keyturn.yaml"), []byte(`{redis: {address: "localhost:6379"}, vault: {address: "https://vault:8200", auth: {token: {env: A}}},
accounts: {tencent: {provider: tencent-ses, keys: {secret_id: {env: A}, secret_key: {env: B}}}}, defaults: {schedule: {every: 30d}}}`)))
	if err := l.problems.Err(); err != nil {
		t.Fatal(err)
	}
	return l
}

// fresh returns a loader with the same settings and no credentials.
func (l *loader) fresh() *loader {
	copied, cfg := *l, *l.cfg
	cfg.Inventory, cfg.marks = inventory.Inventory{}, map[string]*rotation.Marks{}
	copied.cfg, copied.problems, copied.fleet = &cfg, &document.Problems{}, inventory.Fill(&cfg.Inventory, &inventory.Inventory{})
	copied.targets, copied.places = copied.fleet.Claims(), copied.fleet.Claims()
	return &copied
}

// check holds what is true of every load, good or bad.
func check(t *testing.T, l *loader) {
	t.Helper()
	var wrong *document.Errors
	if errors.As(l.problems.Err(), &wrong) {
		for _, e := range wrong.List {
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
		if root := readYAML(l.open("keyturn.yaml"), data); root != nil {
			s := l.sections(root)
			s.include = root.Missing("include") // no files
			l.read(s)
		}
		check(t, l)
	})
}

// FuzzCredential reads a credential from a line.
func FuzzCredential(f *testing.F) {
	for _, line := range []string{
		`{"id":"a","account":"tencent","target":"a@example.com","path":"a"}`,
		`{"id":"a","schedule":{"every":"7d","days":["mon"]},"verify":{"smtp":{"address":"a:1"}},"first":null,"x":[1,-0.5e+3,true]}`,
		`[]`, `01`,
	} {
		f.Add(line)
	}
	l := fuzzLoader(f)
	f.Fuzz(func(t *testing.T, line string) {
		fresh := l.fresh()
		fresh.lines(fresh.problems.Open("a.jsonl"), strings.NewReader(line))
		check(t, fresh)
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("id,account,target,path\na,tencent,a@example.com,a\n")
	f.Add("\ufeffid, path\n\"a\nb\",\n\n,x")
	l := fuzzLoader(f)
	f.Fuzz(func(t *testing.T, data string) {
		fresh := l.fresh()
		fresh.table(fresh.problems.Open("a.csv"), strings.NewReader(data))
		check(t, fresh)
	})
}
