package providers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox"
)

// root is the module's, as the tests of this package see it.
const root = "../.."

// folder is the name of a provider's packages.
func folder(p rotation.Provider) string { return strings.ReplaceAll(p.Code, "-", "") }

// A provider in Go is two folders of one shape, and a line in each of two registries; a description has but one folder and
// one line, of its stand-in. No other code of the product names a provider.
func TestAProviderIsTwoFoldersAndALineInEachRegistry(t *testing.T) {
	t.Parallel()
	sources := parse(t, "cmd", "internal")
	for _, p := range providers.All() {
		dir := folder(p)
		registries := map[string]int{"internal/providers/registry.go": 1, "internal/sandbox/sandbox.go": 1}
		if p.Description != "" {
			delete(registries, "internal/providers/registry.go")
		}
		uses := map[string]int{}
		for file, source := range sources {
			if home := path.Dir(file); home == "internal/providers/"+dir || home == "internal/sandbox/"+dir {
				continue
			}
			if n := mentions(source, p); n > 0 {
				uses[file] = n
			}
		}
		if !maps.Equal(uses, registries) {
			t.Errorf("%s is used or named in %v, want %v", p.Code, uses, registries)
		}
	}
}

// parse reads the product's own code: no tests, and nothing that only tests import.
func parse(t *testing.T, dirs ...string) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(root, dir), func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && strings.HasSuffix(entry.Name(), "test"):
				return fs.SkipDir
			case filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(root, name)
			files[filepath.ToSlash(relative)] = file
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 100 {
		t.Fatalf("read %d files only", len(files))
	}
	return files
}

// mentions counts where code uses a provider's package, or has its name in a string. Comments may give it as an example.
func mentions(file *ast.File, p rotation.Provider) (n int) {
	named := regexp.MustCompile(`\b(` + regexp.QuoteMeta(p.Code) + `|` + regexp.QuoteMeta(p.Name) + `)\b`)
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ImportSpec:
			return false // what is imported is used
		case *ast.SelectorExpr:
			if pkg, ok := node.X.(*ast.Ident); ok && pkg.Name == folder(p) {
				n++
			}
		case *ast.BasicLit:
			if node.Kind == token.STRING && named.MatchString(node.Value) {
				n++
			}
		}
		return true
	})
	return n
}

func TestTheFoldersOfAllProvidersHaveOneShape(t *testing.T) {
	t.Parallel()
	shared := map[string][]string{
		"internal/providers": {"declared", "lenient", "providertest", "signature", "spelling"},
		"internal/sandbox":   {"accesskey", "alibabacloud", "core", "described", "rule", "sandboxtest", "signature"},
	}
	shapes := map[string][]string{
		"internal/providers": {"client.go", "types.go", "errors.go", "testdata"},
		"internal/sandbox":   {"answer.go"},
	}
	for place, others := range shared {
		want := slices.Clone(others)
		for _, p := range providers.All() {
			dir := folder(p)
			if p.Description != "" && place == "internal/providers" {
				continue // a file of the folder declared
			}
			want = append(want, dir)
			for _, file := range append(shapes[place], dir+".go", dir+"_test.go") {
				if _, err := os.Stat(filepath.Join(root, place, dir, file)); err != nil {
					t.Errorf("every provider has the same files: %v", err)
				}
			}
		}
		var got []string
		entries, err := os.ReadDir(filepath.Join(root, place))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.IsDir() && entry.Name() != "testdata" {
				got = append(got, entry.Name())
			}
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", place, got, want)
		}
	}
}

func TestEveryProviderHasAStandIn(t *testing.T) {
	t.Parallel()
	var known, played []string
	for _, p := range providers.All() {
		known = append(known, p.Code)
	}
	for _, s := range sandbox.StandIns() {
		played = append(played, s.Code)
	}
	if !slices.Equal(known, played) {
		t.Errorf("the sandbox plays %q, want %q", played, known)
	}
}

// What a provider in a file costs is what docs/providers/declared.md says. Mailgun is left out: pages and tests take it for
// an example.
func TestAProviderInAFileTouchesFewFiles(t *testing.T) {
	t.Parallel()
	texts := tree(t, "cmd", "internal", "deploy", "docker-compose.yml")
	// What is tested of management keys takes a provider whose identities are some.
	examples := []string{"transcripts.txt", "shape_test.go", "keys-from.yaml", "keys-from.txt", "keyuses_test.go"}
	for _, p := range providers.All() {
		if p.Description == "" || p.Code == "mailgun" {
			continue
		}
		named := regexp.MustCompile(`(?i)\b(` + regexp.QuoteMeta(p.Code) + `|` + regexp.QuoteMeta(p.Name) + `|` + folder(p) + `)\b`)
		want := []string{"internal/providers/declared/" + p.Code + ".yaml"}
		if p.Code == "aws-ses" {
			want = append(want, "internal/providers/signature/ses.go") // how its password follows from a key
		}
		want = append(want, "internal/sandbox/sandbox.go", "internal/sandbox/sandbox_test.go")
		var got []string
		for name, text := range texts {
			if path.Dir(name) != "internal/sandbox/"+folder(p) && !slices.Contains(examples, path.Base(name)) && named.MatchString(text) {
				got = append(got, name)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s is named in %q, want %q", p.Code, got, want)
		}
		for _, page := range []string{"README.md", "CHANGELOG.md", "docs/sandbox.md", "docs/providers/README.md", "docs/providers/" + p.Code + ".md"} {
			text, err := os.ReadFile(filepath.Join(root, page))
			if err != nil || !named.Match(text) {
				t.Errorf("%s does not name %s: %v", page, p.Code, err)
			}
		}
	}
}

// tree reads the text files of folders, and files.
func tree(t *testing.T, places ...string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, place := range places {
		err := filepath.WalkDir(filepath.Join(root, place), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(root, name)
			texts[filepath.ToSlash(relative)] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

func TestEveryProviderInGoIsHeldToTheSuite(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		if p.Description != "" {
			continue // its examples are, and what provider check adds to them
		}
		text, err := os.ReadFile(filepath.Join(folder(p), folder(p)+"_test.go"))
		if err != nil || !strings.Contains(string(text), "providertest.Suite(") {
			t.Errorf("the test of %s does not call Suite: %v", p.Code, err)
		}
	}
}

func TestEveryIssuerIsHeldToWhatItShows(t *testing.T) {
	t.Parallel()
	for _, p := range providers.All() {
		if p.Mode != rotation.ModeIssuer || p.Description != "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder(p), folder(p)+"_test.go"))
		if err != nil || !strings.Contains(string(text), "providertest.CheckShown(") {
			t.Errorf("the test of %s does not call CheckShown: %v", p.Code, err)
		}
	}
}
