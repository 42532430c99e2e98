package config_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/config/document"
	"keyturn/internal/providers"
)

// render loads text and returns its errors as a terminal shows them, without the folder.
func render(t *testing.T, dir, text string) string {
	t.Helper()
	_, err := load(t, dir, text)
	var all *document.Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %v", err)
	}
	var b strings.Builder
	if err := document.Show(&b, all.List); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), dir+string(filepath.Separator), "")
}

func TestAnErrorShowsItsPlaceAtATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "fleet.jsonl", `{"id":"é","account":"tencnet","target":"a@example.com","path":"a"}`+"\n")
	write(t, dir, "fleet.csv", "\ufeffid,account,target,path\none,tencnet,a@example.com,a\n")
	text := strings.Replace(base, "provider: tencent-ses", "provider:  'tencent-sse' # the second s", 1) + `include: ['fleet.*']
credentials:
  - id: one
    account: kirim
    target: "täst"
    path: ../a
	`
	want := `keyturn.yaml:5:16: accounts.tencent.provider: unknown provider "tencent-sse" (did you mean tencent-ses?)
  5 |     provider:  'tencent-sse' …
    |                ^~~~~~~~~~~~~
keyturn.yaml:16:13: credentials[0].target: the target is DOMAIN/GUID, for instance example.com/92703823-f3a4-48e2-8e87-7adf25454800; ` + "`rotatectl import kirimemail`" + ` lists them
  16 |     target: "täst"
     |             ^~~~~~
keyturn.yaml:17:11: credentials[0].path: must not contain the part "..", which could lead out of the mount
  17 |     path: ../a
     |           ^~~~
fleet.csv:2:5: account: unknown account "tencnet" (did you mean tencent?)
  2 | … tencnet …
    |   ^~~~~~~
fleet.jsonl:1:7: id: "é" is not a valid id (1 to 128 of a-z, 0-9 and "._-@")
  1 | … "id":"é" …
    |        ^~~
fleet.jsonl:1:22: account: unknown account "tencnet" (did you mean tencent?)
  1 | … "account":"tencnet" …
    |             ^~~~~~~~~
`
	if got := render(t, dir, strings.TrimRight(text, "\t")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNoPlaceShowsASecret writes a secret wherever a user might by mistake, beside other mistakes on the same line.
func TestNoPlaceShowsASecret(t *testing.T) {
	t.Parallel()
	const canary = "hunter2hunter2"
	for _, text := range []string{
		strings.ReplaceAll(base, "{env: KEY}", canary),
		strings.ReplaceAll(base, "{env: KEY}", "["+canary+"]"),
		strings.ReplaceAll(base, "{env: KEY}", "{enw: "+canary+"}"),
		strings.ReplaceAll(base, "{env: KEY}", "{env: "+canary+", file: "+canary+"}"),
		strings.ReplaceAll(base, "keys: {", "keys: {pasword: "+canary+", "),
		strings.ReplaceAll(base, "provider: kirimemail", "pasword: "+canary+"\n    provider: kirimmail"),
		strings.ReplaceAll(base, "provider: kirimemail", "concurrency: "+canary+"\n    provider: kirimemail"),
		strings.ReplaceAll(base, "https://vault:8200", "https://user:"+canary+"@vault:8200"),
		strings.ReplaceAll(base, "https://vault:8200", "https://vault:8200/?token="+canary),
		strings.ReplaceAll(base, `"localhost:6379"`, `"redis://:`+canary+`@localhost:6379"`),
		strings.ReplaceAll(base, `"localhost:6379"}`, `"localhost:6379", password: `+canary+`, pasword: `+canary+`}`),
		strings.ReplaceAll(base, "{every: 30d}", "{every: 30d}, keys: {a: "+canary+"}"),
		base + "unknown: {a: " + canary + "}\n",
		base + "unknown: \"" + canary + "\n",
		base + "credentials:\n  - {password: " + canary + ", id: A, account: nowhere, target: x, path: /y}\n",
		base + "credentials:\n  - password: " + canary + "\n    id: A\n",
		"redis: [" + canary + "\n",
	} {
		if got := render(t, t.TempDir(), text); strings.Contains(got, canary) {
			t.Errorf("the secret is shown:\n%s", got)
		}
	}
}

func FuzzShow(f *testing.F) {
	f.Add(base+"credentials: [{id: A\x1b[2J, account: \"\u202e\"}]", 3)
	f.Fuzz(func(t *testing.T, text string, _ int) {
		dir := t.TempDir()
		_, err := config.Load(write(t, dir, "keyturn.yaml", text), providers.All())
		var all *document.Errors
		if !errors.As(err, &all) {
			return
		}
		var b strings.Builder
		if err := document.Show(&b, all.List); err != nil {
			t.Fatal(err)
		}
	})
}
