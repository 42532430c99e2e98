package document

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// jsonLine parses one JSON value from a line. It exists because a million lines must be read in about a second, with a
// column for every error, and both are out of reach for encoding/json. Its values are used again by the next line; their
// texts are parts of the line.
type jsonLine struct {
	file *File
	line string
	pos  int
	n    int // number of the line

	pool []*Value
	used int
}

// fault is where and why parsing stopped.
type fault struct {
	pos     int
	message string
}

// parse returns the only value in line, or false after an error, which is reported.
func (p *jsonLine) parse(line string, n int) (*Value, bool) {
	p.line, p.pos, p.n, p.used = line, 0, n, 0
	root, err := p.document()
	if err != nil {
		p.file.failAt(position{n, err.pos + 1}, "", "not JSON: %s", err.message)
		return nil, false
	}
	return root, true
}

func (p *jsonLine) document() (*Value, *fault) {
	if !utf8.ValidString(p.line) {
		return nil, p.wrong("the line is not valid UTF-8")
	}
	root := p.fresh(nil)
	if err := p.value(root, 0); err != nil {
		return nil, err
	}
	if p.peek(); p.pos < len(p.line) {
		return nil, p.wrong("something follows the value")
	}
	return root, nil
}

// fresh returns an empty value from the pool.
func (p *jsonLine) fresh(parent *Value) *Value {
	if p.used == len(p.pool) {
		p.pool = append(p.pool, &Value{})
	}
	v := p.pool[p.used]
	p.used++
	*v = Value{file: p.file, parent: parent, children: v.children[:0]}
	return v
}

func (p *jsonLine) wrong(format string, args ...any) *fault {
	return &fault{p.pos, fmt.Sprintf(format, args...)}
}

// peek skips blanks and returns the next byte, or 0 at the end.
func (p *jsonLine) peek() byte {
	for ; p.pos < len(p.line); p.pos++ {
		switch c := p.line[p.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (p *jsonLine) at() position { return position{p.n, p.pos + 1} }

func (p *jsonLine) value(v *Value, depth int) (err *fault) {
	c := p.peek()
	v.at = p.at()
	switch {
	case depth > maxDepth:
		return p.wrong("nested too deep")
	case c == '{':
		v.kind = Object
		return p.sequence('}', func() *fault { return p.member(v, depth) })
	case c == '[':
		v.kind = List
		return p.sequence(']', func() *fault {
			item := p.fresh(v)
			item.index = len(v.children)
			v.children = append(v.children, item)
			return p.value(item, depth+1)
		})
	case c == '"':
		v.kind = Text
		v.text, err = p.string()
		return err
	case c == '-' || '0' <= c && c <= '9':
		v.kind = Number
		v.text, err = p.number()
		return err
	}
	for word, k := range words {
		if strings.HasPrefix(p.line[p.pos:], word) {
			v.kind, v.text = k, word
			p.pos += len(word)
			return nil
		}
	}
	return p.wrong("a value is missing")
}

var words = map[string]Kind{"true": Boolean, "false": Boolean, "null": Null}

// sequence parses what stands between a bracket and its end, separated by commas.
func (p *jsonLine) sequence(end byte, item func() *fault) *fault {
	p.pos++
	if p.peek() == end {
		p.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.pos++
		case end:
			p.pos++
			return nil
		default:
			return p.wrong("want , or %c", end)
		}
	}
}

// member parses one "key": value of an object.
func (p *jsonLine) member(v *Value, depth int) *fault {
	if p.peek() != '"' {
		return p.wrong("want a key in double quotes")
	}
	child := p.fresh(v)
	child.keyAt = p.at()
	name, err := p.string()
	if err != nil {
		return err
	}
	if p.peek() != ':' {
		return p.wrong("want : after the key")
	}
	p.pos++
	child.name = name
	v.children = append(v.children, child)
	return p.value(child, depth+1)
}
