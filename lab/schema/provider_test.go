package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"keyturn/internal/providers/declared"
)

// descriptions are all provider files that are known to be right, by their names.
func descriptions(t *testing.T) map[string][]byte {
	t.Helper()
	all, folder := map[string][]byte{}, filepath.Join(repository(t), "internal", "providers", "declared")
	for _, pattern := range []string{"*.yaml", "testdata/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if all[filepath.Base(file)], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, mode := range declared.Modes() {
		text, err := declared.Skeleton("begun", mode)
		if err != nil {
			t.Fatal(err)
		}
		all["a new "+mode] = text
	}
	page, err := os.ReadFile(filepath.Join(repository(t), filepath.FromSlash(declaredPage)))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(code: .*?)```").FindAllSubmatch(page, -1) {
		all["the page"] = block[1]
	}
	if len(all) < 15 {
		t.Fatalf("%d descriptions", len(all))
	}
	return all
}

func TestTheSchemaOfProviderFilesAllowsEachThatIsRight(t *testing.T) {
	t.Parallel()
	s := compiled(t, "provider.schema.json")
	for name, text := range descriptions(t) {
		if err := judge(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// misshapen are what keyturn says of a file whose shape is wrong, whatever stands in it.
var misshapen = regexp.MustCompile(`: unknown field|: must be (text|a map|a list|a number|true or false|a whole number)|: unknown value|: does not go with mode|: [a-z_]+: is missing$|: must have exactly one of|: is empty`)

var (
	mode   = regexp.MustCompile(`(?m)^mode: [a-z]+`)
	places = regexp.MustCompile(`\.\d+\b`)
)

// edits are ways to break a node of a file, one at a time. Each returns how to mend it.
func edits(n *yaml.Node) map[string]func() (mend func()) {
	was := *n
	mend := func() { *n = was }
	all := map[string]func() func(){}
	for name, other := range map[string]yaml.Node{
		"a text":  {Kind: yaml.ScalarNode, Tag: "!!str", Value: "other"},
		"nothing": {Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"},
		"empty":   {Kind: yaml.ScalarNode, Tag: "!!str", Value: "", Style: yaml.DoubleQuotedStyle},
		"7":       {Kind: yaml.ScalarNode, Tag: "!!int", Value: "7"},
		"true":    {Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"},
		"a list":  {Kind: yaml.SequenceNode, Tag: "!!seq"},
		"a map":   {Kind: yaml.MappingNode, Tag: "!!map"},
	} {
		all[name] = func() func() { *n = other; return mend }
	}
	if n.Kind == yaml.MappingNode {
		all["another field"] = func() func() {
			n.Content = append(slices.Clone(n.Content), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "another"}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "x"})
			return mend
		}
		for i := 0; i < len(n.Content); i += 2 {
			all["without "+n.Content[i].Value] = func() func() {
				n.Content = slices.Delete(slices.Clone(n.Content), i, i+2)
				return mend
			}
		}
	}
	return all
}

// nodes are all values below a node, and itself, by their paths.
func nodes(path string, n *yaml.Node) map[string]*yaml.Node {
	all := map[string]*yaml.Node{path: n}
	for i, child := range n.Content {
		name := fmt.Sprint(path, ".", i)
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			name = path + "." + n.Content[i-1].Value
		}
		for below, one := range nodes(name, child) {
			all[below] = one
		}
	}
	return all
}

// TestTheSchemaOfProviderFilesAndTheParserAgreeOnShapes breaks each file that is right in every place. What the parser takes
// the schema allows; what it refuses for its shape the schema refuses.
func TestTheSchemaOfProviderFilesAndTheParserAgreeOnShapes(t *testing.T) {
	t.Parallel()
	s := compiled(t, "provider.schema.json")
	taken, refused, tried := 0, 0, map[string]bool{}
	for name, text := range descriptions(t) {
		var document yaml.Node
		if err := yaml.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		for path, n := range nodes("", document.Content[0]) {
			for how, edit := range edits(n) {
				kind := places.ReplaceAllString(path, "") + ": " + how // one row or example of many stands for all of them
				if path == "" {
					kind = mode.FindString(string(text)) + kind
				}
				if tried[kind] {
					continue
				}
				tried[kind] = true
				mend := edit()
				broken, err := yaml.Marshal(&document)
				mend()
				if err != nil {
					t.Fatal(err)
				}
				_, problem := declared.Read("p.yaml", broken)
				wrong := problem != nil && slices.ContainsFunc(strings.Split(problem.Error(), "\n"), misshapen.MatchString)
				verdict := judge(s, broken)
				switch {
				case problem == nil && verdict != nil:
					t.Errorf("%s: %s: %s is right, and the schema says %v", name, path, how, verdict)
				case wrong && verdict == nil:
					t.Errorf("%s: %s: %s is allowed, and the parser says %v", name, path, how, problem)
				case wrong:
					refused++
				case problem == nil:
					taken++
				}
			}
		}
	}
	if taken < 200 || refused < 1000 {
		t.Errorf("only %d are right and %d have a wrong shape", taken, refused)
	}
}

func TestTheSchemaOfProviderFilesHasTheFieldsOfThePage(t *testing.T) {
	t.Parallel()
	meanings, err := readMeanings(filepath.Join(repository(t), filepath.FromSlash(declaredPage)))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := providerFile(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	properties := whole.(node)["properties"].(node) //nolint:forcetypeassert // of an object
	for table, of := range map[string]node{"Fields": properties, "target": properties["target"].(node)["properties"].(node), "answer": properties["answer"].(node)["properties"].(node)} {
		for name := range meanings[table] {
			if of[name] == nil {
				t.Errorf("%s: the schema lacks %s", table, name)
			}
		}
		for name, shape := range of {
			if meanings[table][name] == "" {
				t.Errorf("%s: the page lacks %s: %v", table, name, shape)
			}
		}
	}
}
