package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config/document"
)

func TestEveryFormatMeansTheSame(t *testing.T) {
	t.Parallel()
	forms := map[string]string{
		"a.yaml": `
- {id: one, account: tencent, target: one@example.com, path: mail/one, username: "ü"}
- {id: two, account: tencent, target: two@example.com, path: "mail/t,wo", first: now}
`,
		"a.jsonl": "\ufeff" + `{"id":"one","account":"tencent","target":"one@example.com","path":"mail\/one","username":"\u00fc"}` + "\r\n\n" +
			` { "first" : "now", "path":"mail/t,wo", "target":"two@example.com", "account":"tencent", "id":"two" } `,
		"a.csv": "\ufeff" + `id, account, target, path, username, first
one,tencent,one@example.com,mail/one,ü,
two,tencent,two@example.com,"mail/t,wo",,now
`,
	}
	inline := mustLoad(t, t.TempDir(), base+"credentials:"+strings.ReplaceAll(forms["a.yaml"], "\n-", "\n  -"))
	for name, text := range forms {
		dir := t.TempDir()
		write(t, dir, name, text)
		cfg := mustLoad(t, dir, base+"include: ['*."+strings.TrimPrefix(name, "a.")+"']\n")
		if d := difference(inline, cfg); !d.Empty() || cfg.Len() != 2 {
			t.Errorf("%s: differs from the inline form: %+v", name, d)
		}
		if cfg.Fingerprint() != inline.Fingerprint() {
			t.Errorf("%s: its fingerprint differs from the inline form's", name)
		}
		if c := credential(t, cfg, "one"); c.Username != "ü" {
			t.Errorf("%s: got user name %q", name, c.Username)
		}
	}
}

func TestATableIsReadAsSpreadsheetsWriteIt(t *testing.T) {
	t.Parallel()
	const row = `"one","tencent","one@example.com","mail/one"` + "\r\n"
	for name, table := range map[string]string{
		"a mark before a quoted header": "\ufeff" + `"id","account","target","path"` + "\r\n" + row,
		"a mark before a bare header":   "\ufeffid,account,target,path\r\n" + row,
		"no mark":                       `"id","account","target","path"` + "\r\n" + row,
		"PowerShell 5":                  "\ufeff#TYPE System.Management.Automation.PSCustomObject\r\n" + `"id","account","target","path"` + "\r\n" + row,
		"blanks around the header":      "\ufeff \"id\", account ,target, path\r\n" + row,
	} {
		dir := t.TempDir()
		write(t, dir, "fleet.csv", table)
		cfg, err := load(t, dir, base+"include: [fleet.csv]\n")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c := credential(t, cfg, "one"); c.Target != "one@example.com" {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

func TestATableThatIsNotOneSaysWhy(t *testing.T) {
	t.Parallel()
	for table, want := range map[string]string{
		"\xff\xfei\x00d\x00":                   "fleet.csv:1:1: is UTF-16, not UTF-8 (save it as UTF-8)",
		"i\x00d\x00,\x00":                      "fleet.csv:1:1: is UTF-16, not UTF-8 (save it as UTF-8)",
		"\ufeffid;account;target;path\n":       "fleet.csv:1:1: its columns are not separated by commas (export it with commas)",
		"id,account,target,path\na,b,\xfc,d\n": `fleet.csv:2:5: column "target" is not valid UTF-8 (save it as UTF-8)`,
	} {
		dir := t.TempDir()
		write(t, dir, "fleet.csv", table)
		if _, err := load(t, dir, base+"include: [fleet.csv]\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", table, err, want)
		}
	}
}

func TestAWildcardDoesNotMatchWhatBeginsWithADot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := "- {id: one, account: tencent, target: one@example.com, path: mail/one}\n"
	for _, folder := range []string{"fleet", "fleet/..data", ".git"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "fleet/a.yaml", one)
	for _, copied := range []string{"fleet/.#a.yaml", "fleet/.a.yaml", "fleet/..data/a.yaml", ".git/a.yaml"} {
		write(t, dir, copied, one)
	}
	for pattern, want := range map[string]string{
		"fleet/*.yaml": "fleet/a.yaml", "*/*.yaml": "fleet/a.yaml", "*/a.yaml": "fleet/a.yaml", "fl*/?.yaml": "fleet/a.yaml",
		"./fleet/[a-z].yaml": "fleet/a.yaml", "fleet/.a.yaml": "fleet/.a.yaml", "fleet/.[a-z].yaml": "fleet/.a.yaml",
		".git/*.yaml": ".git/a.yaml", "fleet/..data/*.yaml": "fleet/..data/a.yaml",
	} {
		cfg, err := load(t, dir, base+"include: ['"+pattern+"']\n")
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		} else if got, _ := filepath.Rel(dir, cfg.Files[1]); got != want || len(cfg.Files) != 2 {
			t.Errorf("%s: got %q", pattern, cfg.Files[1:])
		}
	}
	if _, err := load(t, dir, base+"include: ['fleet/?a.yaml']\n"); err == nil || !strings.Contains(err.Error(), "matches no file") {
		t.Errorf("got %v", err)
	}
}

func TestAFileIsReadOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFleet(t, dir, 3)
	cfg := mustLoad(t, dir, base+"include: ['*.jsonl', 'fleet.*', './fleet.jsonl']\n")
	if cfg.Len() != 3 || len(cfg.Files) != 2 {
		t.Errorf("got %d credentials from %v", cfg.Len(), cfg.Files)
	}
}

func TestOneDuplicateAmongManyIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFleet(t, dir, many)
	write(t, dir, "late.jsonl", "\n"+`{"id":"mail-0054321","account":"tencent","target":"late@example.com","path":"late"}`)
	_, err := load(t, dir, base+"include: [fleet.jsonl, late.jsonl]\n")
	want := fmt.Sprintf(`%[1]s/late.jsonl:2:7: id: "mail-0054321" is already used at %[1]s/fleet.jsonl:54322`, dir)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestManyErrorsAreCountedButNotAllKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "bad.jsonl", strings.Repeat(`{"id":"a"}`+"\n", 1000))
	_, err := load(t, dir, base+"include: [bad.jsonl]\n")
	var all *document.Errors
	if !errors.As(err, &all) || all.Total != 3000 || len(all.List) != 100 {
		t.Fatalf("got %v", err)
	}
	if !strings.HasSuffix(err.Error(), "\nand 2900 more") {
		t.Errorf("got %v", err)
	}
}

func TestALineWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "long.jsonl", "\n"+strings.Repeat(" ", 2<<20))
	_, err := load(t, dir, base+"include: [long.jsonl]\n")
	if err == nil || !strings.Contains(err.Error(), "long.jsonl:2:1: the line is longer than") {
		t.Errorf("got %v", err)
	}
}

func TestWhereFindsACredential(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFleet(t, dir, 2000)
	cfg := mustLoad(t, dir, base+"include: [fleet.jsonl]\n")
	if file, line := cfg.Where("mail-0001234"); file != dir+"/fleet.jsonl" || line != 1235 {
		t.Errorf("got %s:%d", file, line)
	}
	if file, line := cfg.Where("mail-9"); file != "" || line != 0 {
		t.Errorf("an unknown credential stands at %s:%d", file, line)
	}
	seen := 0
	for c := range cfg.Credentials() {
		if got, ok := cfg.Credential(c.ID); !ok || got != c {
			t.Fatalf("%s is not found", c.ID)
		}
		seen++
	}
	if seen != 2000 {
		t.Errorf("went over %d credentials", seen)
	}
}
