package document

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxDepth = 32
	// maxAliased bounds what aliases may expand to, so that a few lines cannot fill the memory.
	maxAliased = 100_000
)

// yamlLine and yamlAnchor find positions in the parser's own messages.
var (
	yamlLine   = regexp.MustCompile(`^line (\d+): `)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.+)'`)
)

// YAML returns what a file holds, an empty map if that is nothing; nil after an error. Merge keys are not supported: instead
// is the hint that says what to use.
func YAML(f *File, data []byte, instead string) *Value {
	node, ok := parseYAML(f, data)
	if !ok {
		return nil
	}
	root := &Value{file: f, at: position{1, 1}, kind: Object}
	if node != nil {
		(&yamlValues{file: f, instead: instead}).convert(node, root, 0, false)
	}
	return root
}

// parseYAML returns the root node of the only document in data, nil for an empty file; false after an error.
func parseYAML(f *File, data []byte) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, second yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, true
		}
		f.yamlError(data, err)
		return nil, false
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		f.failAt(position{second.Line, second.Column}, "put everything into one", "a second document starts here")
		return nil, false
	case !errors.Is(err, io.EOF):
		f.yamlError(data, err)
		return nil, false
	case len(root.Content) == 0:
		return nil, true
	}
	return root.Content[0], true
}

func (f *File) yamlError(data []byte, err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	at := position{1, 1} // the parser names no line where it means the first
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
		if strings.HasPrefix(message, "did not find expected") {
			at.line++ // the parser counts lines from 0, the scanner beneath it from 1
		}
	} else if m := yamlAnchor.FindStringSubmatch(message); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		at.line += bytes.Count(before, []byte("\n"))
		at.column += len(before) - bytes.LastIndexByte(before, '\n') - 1
	}
	f.failAt(at, "", "not YAML: %s", message)
}

// yamlValues turns nodes into values.
type yamlValues struct {
	file    *File
	instead string // of merge keys
	aliased int    // nodes made from aliases so far
	stopped bool
}

// convert makes v from n. It reports what cannot be taken, and stops where the depth or the size runs away.
func (y *yamlValues) convert(n *yaml.Node, v *Value, depth int, alias bool) {
	v.file, v.at = y.file, position{n.Line, n.Column}
	if alias {
		y.aliased++
	}
	if y.stopped {
		return
	}
	if depth > maxDepth || y.aliased > maxAliased {
		v.Fail("", "nested too deep, or aliases that expand to too much")
		y.stopped = true
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		at := v.at
		y.convert(n.Alias, v, depth+1, true)
		v.at = at
	case yaml.SequenceNode:
		v.kind = List
		for i, item := range n.Content {
			child := &Value{parent: v, index: i}
			v.children = append(v.children, child)
			y.convert(item, child, depth+1, alias)
		}
	case yaml.MappingNode:
		v.kind = Object
		for i := 0; i+1 < len(n.Content); i += 2 {
			y.entry(n.Content[i], n.Content[i+1], v, depth, alias)
		}
	default:
		v.kind, v.text = scalarKind(n), n.Value
	}
}

// entry adds one key and its value to an object.
func (y *yamlValues) entry(key, n *yaml.Node, v *Value, depth int, alias bool) {
	child := &Value{file: y.file, parent: v, name: key.Value, keyAt: position{key.Line, key.Column}}
	switch {
	case key.ShortTag() == "!!merge":
		child.FailKey(y.instead, "merge keys are not supported")
		return
	case key.Kind != yaml.ScalarNode:
		child.FailKey("", "a key must be plain text")
		return
	}
	v.children = append(v.children, child)
	y.convert(n, child, depth+1, alias)
}

func scalarKind(n *yaml.Node) Kind {
	switch n.ShortTag() {
	case "!!null":
		return Null
	case "!!bool":
		return Boolean
	case "!!int", "!!float":
		return Number
	default: // dates too: nothing here is one
		return Text
	}
}
