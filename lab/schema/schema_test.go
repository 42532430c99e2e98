package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"keyturn/internal/config"
	"keyturn/internal/devenv"
	"keyturn/internal/providers"
)

func repository(t *testing.T) string {
	t.Helper()
	root, err := devenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// compiled is a schema of docs.
func compiled(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join(repository(t), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judge says what a schema has against a text.
func judge(s *jsonschema.Schema, text []byte) error {
	read, err := parsed(text)
	if err != nil {
		return err
	}
	as, err := json.Marshal(read)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(as))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

func TestTheSchemasInDocsAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	all, err := schemas(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range all {
		if got, err := os.ReadFile(filepath.Join(repository(t), "docs", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is out of date: go generate -C lab ./schema (%v)", name, err)
		}
	}
}

func TestTheSchemaAllowsWhatTheDocumentsShow(t *testing.T) {
	t.Parallel()
	s, root := compiled(t, "keyturn.schema.json"), repository(t)
	texts := map[string][]byte{}
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(root, "README.md")) {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1) {
			if _, err := parsed(block[1]); err == nil && bytes.Contains(block[1], []byte("redis:")) {
				texts[filepath.Base(file)] = block[1]
			}
		}
	}
	for _, file := range []string{"keyturn.example.yaml", "deploy/systemd/keyturn.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err == nil {
			texts[file] = text
		}
	}
	if len(texts) < 3 {
		t.Errorf("only %d texts are there", len(texts))
	}
	for name, text := range texts {
		if err := judge(s, text); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func parsed(text []byte) (any, error) {
	var v any
	err := yaml.Unmarshal(text, &v)
	return v, err
}

// shape are the errors of keyturn that are about the shape of a text alone, and not about what it means.
var shape = regexp.MustCompile(`: unknown field|: must be (text|a map|a list|true or false|a source), not|^[^ ]+ (redis|vault|accounts): is missing`)

func TestTheSchemaRefusesWhatHasAnUnknownFieldOrAWrongType(t *testing.T) {
	t.Parallel()
	s := compiled(t, "keyturn.schema.json")
	files, err := filepath.Glob(filepath.Join(repository(t), "internal", "config", "testdata", "bad", "*.yaml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	refused := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = config.Load(file, providers.All())
		if err == nil {
			t.Errorf("%s has no mistake", file)
			continue
		}
		ours := slices.DeleteFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return !strings.HasPrefix(line, file+":") }) // not of what it includes
		if _, unread := parsed(text); unread != nil || !slices.ContainsFunc(ours, shape.MatchString) {
			continue
		}
		refused++
		if judge(s, text) == nil {
			t.Errorf("%s is allowed, for which keyturn says\n%v", filepath.Base(file), err)
		}
	}
	if refused < 10 {
		t.Errorf("only %d files have such a mistake", refused)
	}
}

func TestTheSchemaOfIncludedFilesIsOfAList(t *testing.T) {
	t.Parallel()
	s := compiled(t, "credentials.schema.json")
	for text, right := range map[string]bool{
		"- {id: a, account: main, target: example.com, path: a}": true, "- {id: a, account: main, targets: [{target: a}, {target: b}], path: a}": true,
		"[]": true, "{id: a}": false, "- {id: a}": false, "- {id: a, account: main, target: example.com, path: a, acount: b}": false, "- {id: 7, account: main, target: a, path: a}": false,
	} {
		if err := judge(s, []byte(text)); (err == nil) != right {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestEveryFieldHasWhatThePageSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository(t), "docs", "keyturn.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"description": "management keys at providers"`, `"pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"`, `"$ref": "#/$defs/verifysmtp"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing", want)
		}
	}
}
